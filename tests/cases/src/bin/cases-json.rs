//! Prints the table of cases as JSON, for the tests written in other languages.

fn main() {
    let rows: Vec<_> =
        trustbridge_cases::all().iter().map(trustbridge_cases::Case::to_json).collect();
    println!("[\n{}\n]", rows.join(",\n"));
}
