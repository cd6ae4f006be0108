//! The control page, spoilt: nothing in it is needed to find a record.
use super::run;
use crate::proofs::trial::{folder_in_memory, lead, lines, spool_path, Writer};
use crate::spool::folder::Folder;

#[test]
fn fuzz_a_control_page_with_any_content_keeps_no_record_back() {
    run(|chance| {
        let dir = folder_in_memory();
        let spool = spool_path(dir.path());
        drop(Folder::open(&spool).unwrap());
        let path = spool.join("control");
        let mut page = std::fs::read(&path).unwrap();
        for _ in 0..=chance.below(4) {
            match chance.below(3) {
                0 => chance.spoil(&mut page),
                1 => {
                    let at = 8 * chance.below(14);
                    page[at..at + 8].copy_from_slice(&chance.number().to_le_bytes());
                }
                _ => chance.spoil(&mut page[8..112]),
            }
        }
        if chance.below(8) == 0 {
            page.truncate(chance.below(page.len()));
        }
        std::fs::write(&path, &page).unwrap();
        if let Err(error) = Folder::open(&spool) {
            let is_newer = page.starts_with(b"CWCTRL\0") && page[7] > 1;
            assert!(is_newer, "{error}");
            return;
        }
        let mut leader = lead(dir.path());
        let mut writer = Writer::new(dir.path(), 1 << 24);
        assert!((0..20).all(|n| writer.log(&n.to_string())), "a record was refused");
        while leader.round() > 0 {}
        assert_eq!(lines(dir.path()), (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    });
}
