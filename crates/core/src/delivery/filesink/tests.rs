use super::*;

fn allowed(folder: &str, target: &str) -> bool {
    check_target(Path::new(folder), Path::new(target)).is_ok()
}

#[test]
fn a_spool_in_a_log_directory_writes_below_that_directory_only() {
    assert!(allowed("/l/.cordwood", "/l/app.log") && allowed("/l/.cordwood", "/l/sub/app.log"));
    assert!(!allowed("/l/.cordwood", "/etc/passwd") && !allowed("/l/.cordwood", "/l/../etc/passwd"));
    assert!(!allowed("/l/.cordwood", "/l/.cordwood/control"));
}

#[test]
fn a_spool_elsewhere_writes_to_the_log_directory_it_was_made_for() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("0123456789abcdef");
    std::fs::create_dir(&spool).unwrap();
    std::fs::write(spool.join(LOG_DIRS), "/l\n").unwrap();
    let spool = spool.to_str().unwrap();
    assert!(allowed(spool, "/l/app.log") && !allowed(spool, "/etc/passwd"));
    assert!(!allowed("/s", "/s/app.log") && !allowed("/s", "/l/../etc/passwd"));
}
