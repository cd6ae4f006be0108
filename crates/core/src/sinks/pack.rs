//! One closed file compressed into another, as `cordwood archive` does it.
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::sinks::compress;
use crate::sinks::names::Form;

/// Writes the text of `source` to the file `target`, which must exist, in `form`; returns the text's length.
pub fn pack(source: &Path, target: &Path, form: Form) -> io::Result<u64> {
    let no_link = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let from = OpenOptions::new().read(true).custom_flags(no_link).open(source)?;
    let to = OpenOptions::new().write(true).truncate(true).custom_flags(no_link).open(target)?;
    compress::pack(from, to, form)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;

    use super::*;
    use crate::sinks::compress::text;
    use crate::sinks::fs::{FileSystem, How, Real};

    #[test]
    fn what_is_packed_reads_as_before_and_links_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("a.log.1"), folder.path().join("a.log.1.tmp"));
        let lines = "a line\n".repeat(50_000);
        std::fs::write(&source, &lines).unwrap();
        for form in [Form::Plain, Form::Gzip, Form::Zstd] {
            std::fs::write(&target, "what was there before").unwrap();
            assert_eq!(pack(&source, &target, form).unwrap(), lines.len() as u64);
            let fs: Arc<dyn FileSystem> = Arc::new(Real);
            let file = fs.open(&target, How::Read, 0).unwrap();
            let mut found = String::new();
            text(&*fs, &file, form).unwrap().read_to_string(&mut found).unwrap();
            assert!(found == lines);
        }
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&source, &link).unwrap();
        assert!(pack(&link, &target, Form::Gzip).is_err());
        assert!(pack(&source, &link, Form::Gzip).is_err());
    }
}
