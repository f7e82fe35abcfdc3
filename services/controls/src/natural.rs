/// Sorts names as people do: R-2 before R-10. Every number in the name is padded, as the views' `place` columns are.
pub fn place(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    characters
        .chunk_by(|one, next| one.is_ascii_digit() == next.is_ascii_digit())
        .map(|run| {
            let text: String = run.iter().collect();
            if run.iter().all(char::is_ascii_digit) { format!("{text:0>8}") } else { text }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = ["R-10", "A.5.10", "R-2", "A.5.2", "R-2a", "A.10.1"];
        names.sort_by_key(|name| place(name));
        assert_eq!(names, ["A.5.2", "A.5.10", "A.10.1", "R-2", "R-2a", "R-10"]);
    }
}
