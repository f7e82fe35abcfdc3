pub use service::{Cells, entries};
