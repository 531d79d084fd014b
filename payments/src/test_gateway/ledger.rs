//! Where the test gateway remembers.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

/// Pages of text by name; whoever writes says which version they have read.
#[async_trait]
pub trait Ledger: fmt::Debug + Send + Sync {
    /// A page, if there is one.
    async fn read(&self, name: &str) -> Result<Option<LedgerPage>, LedgerError>;

    /// Writes a page if it is still at this version, 0 for one that is not there. Answers whether it was.
    async fn write(&self, name: &str, version: i32, text: &str) -> Result<bool, LedgerError>;
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerPage {
    /// Goes up by one each time.
    pub version: i32,
    /// What stands on it.
    pub text: String,
}

/// The ledger does not answer. Who keeps it has logged why.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the ledger of the test gateway does not answer")]
pub struct LedgerError;

/// A ledger that is forgotten with the process.
#[derive(Debug, Clone, Default)]
pub struct MemoryLedger(Arc<Mutex<HashMap<String, LedgerPage>>>);

#[async_trait]
impl Ledger for MemoryLedger {
    async fn read(&self, name: &str) -> Result<Option<LedgerPage>, LedgerError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned())
    }

    async fn write(&self, name: &str, version: i32, text: &str) -> Result<bool, LedgerError> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_at = pages.get(name).map_or(0, |page| page.version) == version;
        if is_at {
            pages.insert(name.to_owned(), LedgerPage { version: version + 1, text: text.to_owned() });
        }
        Ok(is_at)
    }
}
