//! Tokens of a real identity provider.

mod providers;
