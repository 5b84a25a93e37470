//! Threads that serve give way to the one that writes, as far as they are told to.

use std::fs;

use crate::process::Service;

/// Names and nice values of the threads of a process (`/proc/PID/task/TID/stat`, field 19).
fn threads(process: u32) -> Vec<(String, i32)> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let stat = |task: fs::DirEntry| fs::read_to_string(task.path().join("stat")).unwrap();
    let thread = |text: String| {
        let (name, fields) = text.split_once('(').unwrap().1.rsplit_once(')').unwrap();
        (name.to_owned(), fields.split_whitespace().nth(16).unwrap().parse().unwrap())
    };
    tasks.map(|task| thread(stat(task.unwrap()))).collect()
}

#[test]
fn threads_that_serve_give_way_to_the_one_that_writes() {
    let folder = tempfile::tempdir().unwrap();
    let check = |variables: &[(&str, &str)], expected: i32| {
        let mut variables = variables.to_vec();
        variables.push(("VIGIE_LIMITS_WORKERS", "2"));
        let service = Service::start_with(&folder.path().join("vigie.sqlite"), &variables);
        let threads = threads(service.id());
        // The tests may have been given a low priority themselves.
        let (_, own) = threads.iter().find(|(name, _)| name == "store-writer").unwrap();
        let given: Vec<i32> = threads.iter().map(|(_, nice)| nice - own).filter(|more| *more != 0).collect();
        let wanted = vec![expected.min(19 - own); 2];
        assert_eq!(given, if wanted[0] == 0 { vec![] } else { wanted }, "{variables:?}: {threads:?}");
    };
    check(&[], 5);
    check(&[("VIGIE_LIMITS_WORKER_NICE", "12")], 12);
    check(&[("VIGIE_LIMITS_WORKER_NICE", "0")], 0);
}
