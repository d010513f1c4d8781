//! One view for the thread that fills it and all who read it.

use super::View;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// A view that is filled by one thread and read by others. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct SharedView {
    view: Arc<RwLock<View>>,
    revision: Arc<AtomicU64>,
}

impl SharedView {
    /// Changes the view. A panic on the way spoils nothing: each record is taken whole or refused.
    pub fn change(&self, change: impl FnOnce(&mut View)) {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut view);
        self.revision.store(view.revision(), Ordering::Release);
    }

    /// Reads the view.
    pub fn read<T>(&self, read: impl FnOnce(&View) -> T) -> T {
        read(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The view itself; an empty one stays.
    pub fn take(&self) -> View {
        std::mem::take(&mut *self.view.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The view's revision, without waiting for anyone.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }
}
