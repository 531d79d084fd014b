//! `check-claims <table.md> <output of cargo test> [--all]`: whether every claim of the table names tests that ran. The
//! last step of `./dev test`.

use std::{env, fs, process::ExitCode};

use testkit::claims::{self, Run};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (table, output, all) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [table, output] => (table, output, false),
        [table, output, "--all"] => (table, output, true),
        _ => {
            eprintln!("usage: check-claims <table.md> <output of cargo test> [--all]");
            return ExitCode::FAILURE;
        }
    };
    let (markdown, output) = match (fs::read_to_string(table), fs::read(output)) {
        (Ok(markdown), Ok(output)) => (markdown, output),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("check-claims cannot read {table} and {output}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let claims = claims::read(&markdown);
    let faults = claims::faults(&claims, &Run::read(&String::from_utf8_lossy(&output)), all);
    for fault in &faults {
        eprintln!("{table}: {fault}");
    }
    let later = claims.iter().filter(|claim| claim.is_of_later()).count();
    let number = claims.len() - later;
    if faults.is_empty() {
        println!("{table}: {number} claims, each shown by tests that ran; {later} more are not there yet");
        ExitCode::SUCCESS
    } else {
        eprintln!("{table}: {} faults in {number} claims", faults.len());
        ExitCode::FAILURE
    }
}
