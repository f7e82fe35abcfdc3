fn main() {
    // A migration that comes later is else not noticed: nothing that is compiled names it.
    println!("cargo:rerun-if-changed=../../migrations/shared");
}
