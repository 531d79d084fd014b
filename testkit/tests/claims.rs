//! A claim without a test that ran is found.

use testkit::claims::{self, Run};

const RUN: &str = "
   Compiling office v0.1.0
    Finished `test` profile target(s) in 1.00s
     Running unittests src/lib.rs (target/debug/deps/office-0123456789abcdef)

running 3 tests
test money::prices_add_up ... ok
test money::what_a_check_costs ... ignored
test money::a_total_cannot_overflow - should panic ... ok

test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s

     Running tests/sales/main.rs (target/debug/deps/sales-0123456789abcdef)

running 5 tests
test doors::with_kafka::they_open has been running for over 60 seconds
test doors::with_the_event_log::they_open ... ok
a child process printed this without an end of linetest doors::with_kafka::they_open ... ok
test crowds::a_million_come ... ignored, slow proof: a million
test refunds::with_kafka::they_come_once ... ok
test doors::they_close ... \u{1b}[32mok\u{1b}[0m

test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 61.00s

   Doc-tests office

running 1 test
test src/lib.rs - money (line 3) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
";

/// What is wrong with a table of these rows after that run.
fn faults_of(rows: &str, all: bool) -> Vec<String> {
    let table = format!("# Sales\n\n## Tickets\n| claim | shown by |\n| --- | --- |\n{rows}");
    claims::faults(&claims::read(&table), &Run::read(RUN), all)
}

#[track_caller]
fn expect_fault(row: &str, what: &str) {
    let faults = faults_of(&format!("| good | `office::money::prices_add_up` |\n{row}"), false);
    assert!(faults.len() == 1 && faults[0].contains(what), "{row}: {faults:?}");
    assert!(faults[0].starts_with("line 7: "), "{faults:?}");
}

#[test]
fn claims_whose_tests_ran_are_shown() {
    let rows = "| prices | `office::money::prices_add_up`, `office::money::a_total_cannot_overflow` |
| doors \\| gates | `sales::doors::they_close`<br>`sales::doors::with_kafka::they_open` |
| either source | `sales::doors::they_open` |
| crowds | `sales::crowds::a_million_come`, `sales::doors::they_open` |";
    assert_eq!(faults_of(rows, false), [] as [&str; 0]);
}

#[test]
fn a_claim_without_a_test_is_found() {
    expect_fault("| empty | |", "names no test");
    expect_fault("| later | TODO `office::money::prices_add_up` |", "'TODO' is not the name of a test");
    expect_fault("| later | TODO |", "'TODO' is not the name of a test");
    assert_eq!(faults_of("", false), ["there is no claim in the table"]);
}

#[test]
fn a_test_that_is_not_there_is_found() {
    expect_fault("| x | `office::money::prices_subtract` |", "did not run");
    expect_fault("| x | `prices_add_up` |", "did not run");
    expect_fault("| x | `sales::money::prices_add_up` |", "did not run");
    expect_fault("| x | `sales::refunds::they_come_once` |", "ran with one of");
}

#[test]
fn a_test_that_was_ignored_shows_nothing() {
    expect_fault("| x | `office::money::what_a_check_costs` |", "was ignored");
    expect_fault("| x | `sales::crowds::a_million_come` |", "names slow proofs only");
    let rows = "| x | `sales::crowds::a_million_come`, `sales::doors::they_open` |";
    assert!(faults_of(rows, true)[0].contains("was ignored"), "with --all, slow proofs run");
}

#[test]
fn a_test_that_failed_and_a_name_of_two_are_found() {
    let claims = claims::read("| c | by |\n|---|---|\n| x | `office::money::prices_add_up` |");
    let failed =
        RUN.replace("prices_add_up ... ok", "prices_add_up ... FAILED").replace("2 passed; 0", "1 passed; 1");
    assert!(claims::faults(&claims, &Run::read(&failed), false)[0].contains("failed"));
    let twice = format!("{RUN}{RUN}");
    assert!(claims::faults(&claims, &Run::read(&twice), false)[0].contains("several tests"));
}

#[test]
fn a_run_that_was_not_read_in_full_is_found() {
    let claims = claims::read("| c | by |\n|---|---|\n| x | `office::money::prices_add_up` |");
    let faults = |output: &str| claims::faults(&claims, &Run::read(output), false);
    let lost = RUN.replace("test doors::they_close ...", "tedoors::they_close ...");
    assert!(faults(&lost)[0].contains("found 3 tests passed"), "{:?}", faults(&lost));
    let (cut, _) = RUN.split_once("test doors::they_close").expect("is there");
    assert!(faults(cut)[0].contains("sales did not come to its end"), "{:?}", faults(cut));
    assert!(faults("")[0].contains("no test ran"));
}

#[test]
fn with_one_thread_a_result_comes_after_what_the_test_printed() {
    let output = "     Running tests/one.rs (target/debug/deps/one-0123)\ntest slowly ... test slowly has been running for over 60 seconds
noise\nok\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured";
    let claims = claims::read("| c | by |\n|---|---|\n| x | `one::slowly` |");
    assert_eq!(claims::faults(&claims, &Run::read(output), false), [] as [&str; 0]);
}

#[test]
fn what_is_not_there_yet_needs_a_reason_and_no_test() {
    let table = |reason: &str| {
        format!(
            "## Tickets\n| c | by |\n|---|---|\n| x | `office::money::prices_add_up` |\n\n## Not there yet\n| c | why |\n|---|---|\n| `GET /later` | {reason} |"
        )
    };
    let run = Run::read(RUN);
    assert_eq!(claims::faults(&claims::read(&table("no mail yet")), &run, false), [] as [&str; 0]);
    assert!(claims::faults(&claims::read(&table("")), &run, false)[0].contains("says no reason"));
    let operations = claims::read(&table("no mail yet"))[1].operations();
    assert_eq!(operations, [("GET".to_owned(), "/later".to_owned())]);
}
