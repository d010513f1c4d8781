//! The page that people look at, and the report: the same page as one file with its data inside.
//!
//! The page asks nobody but the server that it came from, and the report nobody at all: both are
//! plain HTML, CSS and JavaScript of this repository, without a build step. Names are data: they
//! get into the page as JSON and onto the screen as text, never as markup.

mod check;
mod data;
mod html;
mod lines;

pub use data::{Data, Kind};
pub use html::{SCRIPT, STYLE, page, self_contained};
