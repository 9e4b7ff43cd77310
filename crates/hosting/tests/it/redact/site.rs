//! What is known of a site.

use hosting::redact;

use crate::house::houses;

#[tokio::test]
async fn secrets_of_a_site_and_of_its_environment_file_are_known() {
    for house in houses().await {
        let (customer, actor) = house.customer("ada").await;
        let site = house.create(&actor, &customer, "ada").await.unwrap();
        let secrets = site.open_secrets(&house.hosting.key).unwrap();
        let ours = format!("{} {} {} {}", secrets.db_password, secrets.jwt_secret, secrets.session_secret, secrets.owner_password);
        let known = redact::known_of(&house.hosting, &site).await.unwrap();
        let hidden = "[redacted:secret] [redacted:secret] [redacted:secret] [redacted:secret]";
        assert_eq!(redact::text(&known, &ours), hidden, "{}: before there is a file", house.on());

        let folder = house.hosting.site_folder(&site);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(".env"), "MAIL_PASSWORD=\"open \\\"sesame\\\"\"\nAPP_NAME=\"The Shop\"\n").unwrap();
        let known = redact::known_of(&house.hosting, &site).await.unwrap();
        assert_eq!(redact::text(&known, &format!("{ours} The Shop: open \"sesame\"")), format!("{hidden} The Shop: [redacted:secret]"));
        assert_eq!(redact::text(&known, "b3BlbiAic2VzYW1lIg=="), "[redacted:secret]");
    }
}

#[tokio::test]
async fn without_the_environment_file_readable_nothing_is_known_and_that_is_an_error() {
    for house in houses().await {
        let (customer, actor) = house.customer("ada").await;
        let site = house.create(&actor, &customer, "ada").await.unwrap();
        // A folder in its place cannot be read, whoever the tests run as.
        std::fs::create_dir_all(house.hosting.site_folder(&site).join(".env")).unwrap();
        assert!(redact::known_of(&house.hosting, &site).await.is_err(), "{}", house.on());
    }
}
