//! Addresses with a query.

/// `path?name=value&…`, encoded; pairs without a value are left away.
pub(crate) fn to(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    match query.finish().as_str() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::to;

    #[test]
    fn values_are_encoded_and_empty_ones_left_away() {
        assert_eq!(to("/sites", &[("q", ""), ("sort", "")]), "/sites");
        assert_eq!(to("/sites", &[("q", "a&b=\"<"), ("sort", ""), ("state", "active")]), "/sites?q=a%26b%3D%22%3C&state=active");
    }
}
