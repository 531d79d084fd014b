//! What a dry run prints.

use projector::rebuild::compare::{ChangedColumn, Comparison, RowDifference};
use serde_json::{Map, Value};

/// Prints it; returns how many rows differ.
pub(super) fn print(name: &str, comparison: &Comparison) -> i64 {
    let Comparison { streams, parked_streams, tables, rows } = comparison;
    println!(
        "`{name}` beside the event log, each of {streams} streams as far as the live rows have applied it:"
    );
    if *parked_streams > 0 {
        println!("({parked_streams} of them are parked and were compared up to there)");
    }
    println!();
    println!("  {:<28} {:>10} {:>10} {:>10} {:>12}", "table", "rows", "changed", "only live", "only in log");
    for table in tables {
        println!(
            "  {:<28} {:>10} {:>10} {:>10} {:>12}",
            table.table, table.rows, table.changed, table.only_live, table.only_in_log
        );
    }
    let differ: i64 = tables.iter().map(|table| table.count()).sum();
    println!();
    if differ == 0 {
        println!("No row differs.");
    }
    for row in rows {
        print_row(row);
    }
    let rest = differ - i64::try_from(rows.len()).unwrap_or(differ);
    if rest > 0 {
        println!("… and {rest} more rows");
    }
    differ
}

fn print_row(row: &RowDifference) {
    match row {
        RowDifference::OnlyLive { table, key } => println!("{table} {}: only live", in_words(key)),
        RowDifference::OnlyInLog { table, key } => println!("{table} {}: only in the log", in_words(key)),
        RowDifference::Changed { table, key, columns } => {
            println!("{table} {}:", in_words(key));
            for ChangedColumn { name, values } in columns {
                match values {
                    Some((live, log)) => println!("    {name}: live {live}, by the log {log}"),
                    None => println!("    {name}: differs; personal data is not shown"),
                }
            }
        }
    }
}

fn in_words(key: &Map<String, Value>) -> String {
    key.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}
