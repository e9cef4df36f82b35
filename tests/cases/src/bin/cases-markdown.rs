//! Prints the table of cases for people: `docs/cases.md`.

fn main() {
    print!("{}", trustbridge_cases::to_markdown());
}
