//! What is recorded: the same in the harness and in the peers' program.

/// What an event says. With ids, actor, times and the rest, an event of ours has about 600 bytes.
pub const TEXT: &str = "Export buckets are created by hand for large customers. Two of eleven had a public policy in \
                        the last check, and nothing would have told us before somebody else had found out.";
