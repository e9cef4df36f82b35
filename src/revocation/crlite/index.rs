//! The index of a CRLite cache: which filters cover a certificate, by its logs and times
//! ([upki-revocation](https://c2sp.org/upki-revocation), "Index file format").
//!
//! Tests: below, and the target `crlite` of `tests/fuzz`.

/// Most bytes read of an index; real ones have a few tens of kilobytes.
pub(super) const MAX_BYTES: u64 = 4 << 20;

const MAGIC: &[u8; 8] = b"upkiidx1";
const NAME_LENGTH: usize = 32;
const LOG_LENGTH: usize = 42;
const ENTRY_LENGTH: usize = 18;

/// The identifier of a Certificate Transparency log (RFC 6962 section 3.2).
pub(super) type LogId = [u8; 32];

/// When a log says that it has seen the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) log: LogId,
    /// Milliseconds since 1970.
    pub(super) time: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// The files of the filters.
    pub(super) names: Vec<String>,
    /// Sorted.
    logs: Vec<(LogId, Vec<Entry>)>,
    /// The newest time that a filter covers, in milliseconds since 1970: how old the data is.
    pub(super) newest: u64,
}

/// A filter covers a log between two times, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    filter: usize,
    first: u64,
    last: u64,
}

impl Index {
    /// Reads an index; what is wrong with it otherwise.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut reader = Reader { rest: bytes };
        if reader.array::<8>()? != *MAGIC {
            return Err("it is not an index of version 1");
        }
        let names = usize::from(u16::from_be_bytes(reader.array()?));
        let logs = usize::try_from(u32::from_be_bytes(reader.array()?)).map_err(|_| SHORT)?;
        // Before anything is allocated: all of both tables is there.
        let length = |count: usize, each: usize| count.checked_mul(each).ok_or(SHORT);
        let mut table = Reader { rest: reader.take(length(names, NAME_LENGTH)?)? };
        let mut directory = Reader { rest: reader.take(length(logs, LOG_LENGTH)?)? };
        let first_section = bytes.len() - reader.rest.len();

        let mut index = Self::default();
        for _ in 0..names {
            index.names.push(name(&table.array::<NAME_LENGTH>()?)?.to_owned());
        }
        // Sections that overlap would be read many times over.
        let mut budget = reader.rest.len();
        for _ in 0..logs {
            let log = directory.array()?;
            let offset = usize::try_from(u64::from_be_bytes(directory.array()?));
            let offset = offset.map_err(|_| SHORT)?;
            let count = usize::from(u16::from_be_bytes(directory.array()?));
            if index.logs.last().is_some_and(|(before, _)| *before >= log) {
                return Err("its logs are not sorted");
            }
            let section = count * ENTRY_LENGTH;
            budget = budget.checked_sub(section).ok_or("its sections overlap")?;
            if offset < first_section {
                return Err("its sections overlap its tables");
            }
            let (_, section) = bytes.split_at_checked(offset).ok_or(SHORT)?;
            let entries = index.entries(&mut Reader { rest: section }, count)?;
            index.logs.push((log, entries));
        }
        Ok(index)
    }

    fn entries(
        &mut self,
        reader: &mut Reader<'_>,
        count: usize,
    ) -> Result<Vec<Entry>, &'static str> {
        let mut entries = Vec::new();
        for _ in 0..count {
            let filter = usize::from(u16::from_be_bytes(reader.array()?));
            let first = u64::from_be_bytes(reader.array()?);
            let last = u64::from_be_bytes(reader.array()?);
            if filter >= self.names.len() {
                return Err("it names a filter that it does not have");
            }
            self.newest = self.newest.max(last);
            entries.push(Entry { filter, first, last });
        }
        Ok(entries)
    }

    /// The numbers of the filters that cover any of these, each once.
    pub(super) fn covering(&self, seen: &[Seen]) -> Vec<usize> {
        let mut filters = Vec::new();
        for Seen { log, time } in seen {
            let place = self.logs.binary_search_by(|(known, _)| known.cmp(log));
            let Some((_, entries)) = place.ok().and_then(|place| self.logs.get(place)) else {
                continue;
            };
            let covers = |entry: &&Entry| entry.first <= *time && *time <= entry.last;
            filters.extend(entries.iter().filter(covers).map(|entry| entry.filter));
        }
        filters.sort_unstable();
        filters.dedup();
        filters
    }
}

const SHORT: &str = "it is cut off";

/// The name of a file in the same directory, padded with zeros, and nothing that could lead out of it.
fn name(slot: &[u8; NAME_LENGTH]) -> Result<&str, &'static str> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let end = slot.iter().position(|byte| *byte == 0).unwrap_or(NAME_LENGTH);
    let (name, padding) = slot.split_at_checked(end).unwrap_or_default();
    let is_name = !name.is_empty() && name.iter().all(allowed) && name != b"." && name != b"..";
    match std::str::from_utf8(name) {
        Ok(name) if is_name && padding.iter().all(|byte| *byte == 0) => Ok(name),
        _ => Err("the name of a filter is not a file name"),
    }
}

/// Reads integers in big endian.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Section<'s> = (u8, &'s [(u16, u64, u64)]);

    /// An index of these filters and logs.
    fn index(names: &[&str], logs: &[Section<'_>]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(u16::try_from(names.len()).unwrap().to_be_bytes());
        out.extend(u32::try_from(logs.len()).unwrap().to_be_bytes());
        for name in names {
            let mut slot = [0; NAME_LENGTH];
            slot[..name.len()].copy_from_slice(name.as_bytes());
            out.extend(slot);
        }
        let mut offset = out.len() + logs.len() * LOG_LENGTH;
        for (log, entries) in logs {
            out.extend([*log; 32]);
            out.extend(u64::try_from(offset).unwrap().to_be_bytes());
            out.extend(u16::try_from(entries.len()).unwrap().to_be_bytes());
            offset += entries.len() * ENTRY_LENGTH;
        }
        for (filter, first, last) in logs.iter().flat_map(|(_, entries)| entries.iter()) {
            out.extend(filter.to_be_bytes());
            out.extend(first.to_be_bytes());
            out.extend(last.to_be_bytes());
        }
        out
    }

    fn sample() -> Vec<u8> {
        index(
            &["one.filter", "two.delta"],
            &[(1, &[(0, 10, 20), (1, 20, 30)]), (2, &[(0, 5, 6)]), (4, &[])],
        )
    }

    #[test]
    fn filters_cover_logs_between_times() {
        let index = Index::parse(&sample()).unwrap();
        let covering = |log: u8, time| index.covering(&[Seen { log: [log; 32], time }]);
        let none: [usize; 0] = [];
        assert_eq!(covering(1, 9), none);
        assert_eq!(covering(1, 10), [0]);
        assert_eq!(covering(1, 20), [0, 1], "both ends are included, and every filter is asked");
        assert_eq!(covering(1, 30), [1]);
        assert_eq!(covering(1, 31), none);
        assert_eq!(covering(2, 6), [0]);
        assert_eq!(covering(3, 6), none, "no such log");
        assert_eq!(covering(4, 6), none);
        let both = [Seen { log: [2; 32], time: 5 }, Seen { log: [1; 32], time: 15 }];
        assert_eq!(index.covering(&both), [0], "each filter once");
        assert_eq!(index.newest, 30);
        assert_eq!(Index::parse(&tests::index(&[], &[])).unwrap(), Index::default());
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let whole = sample();
        for length in 0..whole.len() {
            assert!(Index::parse(&whole[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let refused = |bytes: &[u8]| Index::parse(bytes).unwrap_err();
        let changed = |at: usize, value: &[u8]| {
            let mut bytes = sample();
            bytes[at..at + value.len()].copy_from_slice(value);
            refused(&bytes)
        };
        assert_eq!(changed(7, b"0"), "it is not an index of version 1");
        assert_eq!(changed(8, &[0xff, 0xff]), SHORT);
        assert_eq!(changed(10, &[0xff, 0xff, 0xff, 0xff]), SHORT);
        let directory = 14 + 2 * NAME_LENGTH;
        assert_eq!(changed(directory, &[3; 32]), "its logs are not sorted");
        assert_eq!(changed(directory + 32, &[0; 8]), "its sections overlap its tables");
        assert_eq!(changed(directory + 32, &[0xff; 8]), SHORT);
        assert_eq!(changed(directory + 40, &[0xff; 2]), "its sections overlap");
        let entries = directory + 3 * LOG_LENGTH;
        assert_eq!(changed(entries, &[0, 2]), "it names a filter that it does not have");
        // All point to the same section.
        let shared: Vec<Section<'_>> = vec![(1, &[(0, 1, 2)]), (2, &[])];
        let mut bytes = index(&["one"], &shared);
        let second = 14 + NAME_LENGTH + LOG_LENGTH + 40;
        bytes[second + 1] = 1;
        assert_eq!(refused(&bytes), "its sections overlap");
    }

    #[test]
    fn no_damage_panics() {
        let whole = sample();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                if let Ok(index) = Index::parse(&bytes) {
                    let covering = index.covering(&[Seen { log: [1; 32], time: 15 }]);
                    assert!(covering.iter().all(|filter| *filter < index.names.len()));
                }
            }
        }
    }

    #[test]
    fn a_name_does_not_lead_out_of_the_directory() {
        let parse = |name: &str| Index::parse(&index(&[name], &[]));
        for good in ["a", "20261128-0-default.filter", "A_b-c.d", "..a", &"x".repeat(32)] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "../a", "/etc/passwd", "a/b", "a b", "a\\b", "\u{e9}", "a\0b"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
