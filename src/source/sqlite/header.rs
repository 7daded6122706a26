//! The first 100 bytes of a database file.

/// Bytes of a database header.
pub(super) const HEADER_BYTES: usize = 100;

const MAGIC: &[u8] = b"SQLite format 3\0";

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// No bytes yet. SQLite takes this for a database without tables.
    Empty,
    /// A database in rollback mode.
    Rollback,
    /// A database in WAL mode.
    Wal,
    /// Nothing that SQLite reads; says why.
    Foreign(String),
}

impl Header {
    /// Reads the beginning of a file, at most [`HEADER_BYTES`] of it.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        if !bytes.starts_with(MAGIC) {
            return Self::Foreign("not a SQLite database, or an encrypted one".to_owned());
        }
        if bytes.len() < HEADER_BYTES {
            return Self::Foreign(format!("a SQLite header that ends after {} bytes", bytes.len()));
        }
        let page = u16::from_be_bytes([bytes[16], bytes[17]]);
        if page != 1 && !(page.is_power_of_two() && page >= 512) {
            return Self::Foreign(format!("not a SQLite database: its header says pages of {page} bytes"));
        }
        match bytes[19] {
            1 => Self::Rollback,
            2 => Self::Wal,
            version => Self::Foreign(format!("made by a newer SQLite: file format {version}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(page: u16, version: u8) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.resize(HEADER_BYTES, 0);
        bytes[16..18].copy_from_slice(&page.to_be_bytes());
        bytes[18] = version;
        bytes[19] = version;
        bytes
    }

    #[test]
    fn journal_mode_is_read_from_byte_19() {
        assert_eq!(Header::parse(&header(4096, 1)), Header::Rollback);
        assert_eq!(Header::parse(&header(4096, 2)), Header::Wal);
        assert_eq!(Header::parse(&header(1, 2)), Header::Wal, "65,536 bytes are written as 1");
    }

    #[test]
    fn what_sqlite_would_refuse_is_refused_by_name() {
        assert_eq!(Header::parse(b""), Header::Empty);
        for bad in
            [header(7, 1), header(0, 1), header(4096, 9), header(4096, 1)[..24].to_vec(), vec![b'{'; 480]]
        {
            assert!(matches!(Header::parse(&bad), Header::Foreign(_)), "{:?}", &bad[..20]);
        }
    }
}
