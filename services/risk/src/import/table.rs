pub use service::{Row, Table};
