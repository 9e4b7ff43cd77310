//! Secrets by the shape that their vendors publish: prefixes, alphabets, lengths. Written from the vendors' documentation.
//!
//! Lengths are lower bounds wherever the shape is clear without them: a vendor that makes its tokens longer must not leak them.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use super::rules::{self, Hidden};
use super::{entropy, is_placeholder};

/// What else must hold besides the shape.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    /// Nothing.
    Shape,
    /// A digit, which words do not have.
    Digit,
    /// Capitals, small letters and digits, in no order.
    Mixed,
}

/// The shape of one vendor's secrets.
pub(super) struct Provider {
    /// Kind in the placeholder.
    kind: &'static str,
    /// One of these is on the line, or the pattern need not be tried. Capitals matter in those that have some.
    pub(super) keywords: &'static [&'static str],
    /// The secret, or its first group.
    pattern: &'static str,
    check: Check,
}

const fn provider(kind: &'static str, keywords: &'static [&'static str], pattern: &'static str, check: Check) -> Provider {
    Provider { kind, keywords, pattern, check }
}

/// One line a shape; a vendor may have several.
#[rustfmt::skip]
pub(super) const PROVIDERS: &[Provider] = &[
    provider("github-token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"gh[pousr]_[A-Za-z0-9_]{20,}", Check::Shape),
    provider("github-token", &["github_pat_"], r"github_pat_[A-Za-z0-9_]{20,}", Check::Shape),
    provider("gitlab-token", &["glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "glft-", "glsoat-", "glagent-", "gloas-", "glimt-", "glffct-"], r"gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|oas|imt|ffct)-[A-Za-z0-9_.=-]{16,}", Check::Shape),
    provider("bitbucket-token", &["ATBB"], r"ATBB[A-Za-z0-9_=.-]{20,}", Check::Shape),
    provider("atlassian-token", &["ATATT3", "ATCTT3"], r"AT[AC]TT3[A-Za-z0-9_=.-]{30,}", Check::Shape),
    provider("aws-key", &["AKIA", "ASIA", "ABIA", "ACCA"], r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}", Check::Shape),
    provider("aws-secret", &["AKIA", "ASIA"], r"(?:^|[^A-Za-z0-9/+])([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)", Check::Shape),
    provider("aws-secret", &["aws"], r"(?:^|[^A-Za-z0-9/+])([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)", Check::Mixed),
    provider("aws-bedrock-key", &["ABSK"], r"ABSK[A-Za-z0-9+/]{40,}=*", Check::Shape),
    provider("google-api-key", &["AIza"], r"AIza[A-Za-z0-9_-]{30,}", Check::Shape),
    provider("google-oauth", &["GOCSPX-"], r"GOCSPX-[A-Za-z0-9_-]{20,}", Check::Shape),
    provider("google-oauth", &["ya29."], r"ya29\.[A-Za-z0-9_-]{20,}", Check::Shape),
    provider("google-oauth", &["1//0"], r"1//0[A-Za-z0-9_-]{30,}", Check::Shape),
    provider("azure-secret", &["8Q~", "7Q~"], r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{30,}", Check::Shape),
    provider("azure-devops-token", &["AZDO"], r"[A-Za-z0-9]{60,}AZDO[A-Za-z0-9]{4}", Check::Shape),
    provider("stripe-key", &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_", "rk_prod_"], r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}", Check::Shape),
    provider("stripe-webhook-secret", &["whsec_"], r"whsec_[A-Za-z0-9+/=]{20,}", Check::Shape),
    provider("square-token", &["sq0atp-", "sq0csp-"], r"sq0(?:atp|csp)-[A-Za-z0-9_-]{20,}", Check::Shape),
    provider("square-token", &["EAAA"], r"EAAA[A-Za-z0-9_-]{56,}", Check::Shape),
    provider("braintree-token", &["access_token$"], r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}", Check::Shape),
    provider("mollie-key", &["live_", "test_"], r"(?:live|test)_[A-Za-z0-9]{30,}", Check::Shape),
    provider("razorpay-key", &["rzp_live_", "rzp_test_"], r"rzp_(?:live|test)_[A-Za-z0-9]{14,}", Check::Shape),
    provider("plaid-token", &["access-production-", "access-sandbox-", "access-development-"], r"access-(?:production|sandbox|development)-[0-9a-f-]{36}", Check::Shape),
    provider("flutterwave-key", &["FLWSECK"], r"FLWSECK(?:_TEST)?-[A-Za-z0-9-]{12,}", Check::Shape),
    provider("adyen-key", &["AQE"], r"AQE[A-Za-z0-9]{4}[A-Za-z0-9+/=*%^.-]{50,}", Check::Shape),
    provider("easypost-key", &["EZAK", "EZTK"], r"EZ[AT]K[A-Za-z0-9]{54}", Check::Shape),
    provider("shippo-token", &["shippo_live_", "shippo_test_"], r"shippo_(?:live|test)_[a-f0-9]{40}", Check::Shape),
    provider("shopify-token", &["shpat_", "shpca_", "shppa_", "shpss_", "shptka_"], r"shp(?:at|ca|pa|ss|tka)_[A-Za-z0-9]{20,}", Check::Shape),
    provider("slack-token", &["xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxp-", "xoxr-", "xoxs-", "xoxe."], r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9%-]{10,}", Check::Shape),
    provider("slack-token", &["xapp-"], r"xapp-[A-Za-z0-9-]{20,}", Check::Shape),
    provider("slack-webhook", &["hooks.slack.com/"], r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_+-]{20,})", Check::Shape),
    provider("discord-webhook", &["/api/webhooks/"], r"discord(?:app)?\.com/api/webhooks/([0-9]+/[A-Za-z0-9_-]{30,})", Check::Shape),
    provider("discord-token", &["discord"], r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,}", Check::Shape),
    provider("telegram-token", &[":AA"], r"[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}", Check::Shape),
    provider("teams-webhook", &["webhook.office.com"], r"webhook\.office\.com/webhookb2/([A-Za-z0-9@/_-]{36,})", Check::Shape),
    provider("zapier-webhook", &["hooks.zapier.com"], r"hooks\.zapier\.com/hooks/catch/([0-9]+/[A-Za-z0-9]+)", Check::Shape),
    provider("twilio-key", &["twilio"], r"\b((?:SK)?[0-9a-f]{32})\b", Check::Shape),
    provider("sendgrid-key", &["SG."], r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", Check::Shape),
    provider("mailgun-key", &["key-"], r"key-[0-9a-f]{32}", Check::Shape),
    provider("mailgun-key", &["mailgun"], r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}", Check::Shape),
    provider("mailchimp-key", &["-us"], r"[0-9a-f]{32}-us[0-9]{1,2}", Check::Shape),
    provider("brevo-key", &["xkeysib-", "xsmtpsib-"], r"x(?:key|smtp)sib-[A-Za-z0-9-]{40,}", Check::Shape),
    provider("resend-key", &["re_"], r"re_[A-Za-z0-9]{6,12}_[A-Za-z0-9]{20,}", Check::Shape),
    provider("anthropic-key", &["sk-ant-"], r"sk-ant-[A-Za-z0-9_-]{20,}", Check::Shape),
    provider("openai-key", &["sk-"], r"sk-[A-Za-z0-9_-]{24,}", Check::Digit),
    provider("huggingface-token", &["hf_", "api_org_"], r"(?:hf|api_org)_[A-Za-z0-9]{30,}", Check::Shape),
    provider("groq-key", &["gsk_"], r"gsk_[A-Za-z0-9]{40,}", Check::Shape),
    provider("xai-key", &["xai-"], r"xai-[A-Za-z0-9]{40,}", Check::Shape),
    provider("perplexity-key", &["pplx-"], r"pplx-[A-Za-z0-9]{40,}", Check::Shape),
    provider("replicate-token", &["r8_"], r"r8_[A-Za-z0-9]{30,}", Check::Shape),
    provider("nvidia-key", &["nvapi-"], r"nvapi-[A-Za-z0-9_-]{40,}", Check::Shape),
    provider("langsmith-key", &["lsv2_"], r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{32,}", Check::Shape),
    provider("pinecone-key", &["pcsk_"], r"pcsk_[A-Za-z0-9_]{40,}", Check::Shape),
    provider("elevenlabs-key", &["sk_"], r"sk_[0-9a-f]{40,}", Check::Shape),
    provider("npm-token", &["npm_"], r"npm_[A-Za-z0-9]{30,}", Check::Shape),
    provider("pypi-token", &["pypi-"], r"pypi-[A-Za-z0-9_-]{50,}", Check::Shape),
    provider("rubygems-key", &["rubygems_"], r"rubygems_[0-9a-f]{40,}", Check::Shape),
    provider("crates-token", &["cio"], r"cio[A-Za-z0-9]{32}", Check::Digit),
    provider("nuget-key", &["oy2"], r"oy2[a-z0-9]{43}", Check::Shape),
    provider("dockerhub-token", &["dckr_pat_", "dckr_oat_"], r"dckr_[po]at_[A-Za-z0-9_-]{20,}", Check::Shape),
    provider("packagist-token", &["packagist_"], r"packagist_[a-z]{3}_[a-f0-9]{40,}", Check::Shape),
    provider("clojars-token", &["CLOJARS_"], r"CLOJARS_[A-Za-z0-9]{40,}", Check::Shape),
    provider("digitalocean-token", &["dop_v1_", "doo_v1_", "dor_v1_"], r"do[opr]_v1_[a-f0-9]{40,}", Check::Shape),
    provider("heroku-key", &["HRKU-"], r"HRKU-[A-Za-z0-9_-]{30,}", Check::Shape),
    provider("fly-token", &["fo1_", "fm1_", "fm2_"], r"f(?:o1|m1|m2)_[A-Za-z0-9+/=_-]{40,}", Check::Shape),
    provider("vercel-token", &["vcp_", "vci_", "vca_", "vcr_", "vck_"], r"vc[piark]_[A-Za-z0-9]{24,}", Check::Shape),
    provider("netlify-token", &["nfp_", "nfc_", "nfo_", "nfu_", "nfb_"], r"nf[pcoub]_[A-Za-z0-9]{36,}", Check::Shape),
    provider("render-key", &["rnd_"], r"rnd_[A-Za-z0-9]{28,}", Check::Shape),
    provider("cloudflare-key", &["v1.0-"], r"v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}", Check::Shape),
    provider("cloudflare-key", &["cloudflare"], r"\b([A-Za-z0-9_-]{40})\b", Check::Mixed),
    provider("vault-token", &["hvs.", "hvb.", "hvr."], r"hv[sbr]\.[A-Za-z0-9_-]{20,}", Check::Shape),
    provider("terraform-token", &[".atlasv1."], r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{50,}", Check::Shape),
    provider("doppler-token", &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."], r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{30,}", Check::Shape),
    provider("pulumi-token", &["pul-"], r"pul-[a-f0-9]{40}", Check::Shape),
    provider("onepassword-token", &["ops_eyJ"], r"ops_eyJ[A-Za-z0-9+/=_-]{60,}", Check::Shape),
    provider("age-key", &["AGE-SECRET-KEY-"], r"AGE-SECRET-KEY-[A-Z0-9-]{40,}", Check::Shape),
    provider("supabase-key", &["sbp_", "sb_secret_"], r"(?:sbp|sb_secret)_[A-Za-z0-9_-]{20,}", Check::Shape),
    provider("planetscale-token", &["pscale_"], r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{30,}", Check::Shape),
    provider("neon-key", &["napi_"], r"napi_[A-Za-z0-9]{40,}", Check::Shape),
    provider("databricks-token", &["dapi"], r"dapi[a-f0-9]{32}(?:-[0-9])?", Check::Shape),
    provider("grafana-token", &["glsa_", "glc_"], r"gl(?:sa|c)_[A-Za-z0-9+/=_]{32,}", Check::Shape),
    provider("newrelic-key", &["NRAK-", "NRII-", "NRJS-", "NRBR-", "NRIQ-", "NRSP-"], r"NR(?:AK|II|JS|BR|IQ|SP)-[A-Za-z0-9_-]{16,}", Check::Shape),
    provider("newrelic-key", &["NRAL"], r"[A-Fa-f0-9]{36}NRAL", Check::Shape),
    provider("datadog-key", &["datadog", "dd_api", "dd-api"], r"(?i)(?:datadog|dd)[a-z0-9_ .-]{0,24}key[^0-9a-z]{1,6}([0-9a-f]{32,40})", Check::Shape),
    provider("sentry-token", &["sntrys_", "sntryu_"], r"sntry[su]_[A-Za-z0-9+/=_-]{40,}", Check::Shape),
    provider("honeycomb-key", &["hcaik_", "hcbik_", "hcxik_", "hcalk_", "hcblk_"], r"hc[abx][il]k_[0-9a-z]{26,}", Check::Shape),
    provider("dynatrace-token", &["dt0c01.", "dt0s01."], r"dt0[cs]01\.[A-Z0-9]{20,}\.[A-Z0-9]{60,}", Check::Shape),
    provider("linear-key", &["lin_api_", "lin_oauth_"], r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}", Check::Shape),
    provider("notion-token", &["ntn_"], r"ntn_[A-Za-z0-9]{40,}", Check::Shape),
    provider("notion-token", &["secret_"], r"secret_[A-Za-z0-9]{43}", Check::Shape),
    provider("airtable-token", &["airtable"], r"pat[A-Za-z0-9]{14}\.[a-f0-9]{60,}", Check::Shape),
    provider("figma-token", &["figd_", "figo_", "figu_"], r"fig[dou]_[A-Za-z0-9_-]{32,}", Check::Shape),
    provider("postman-key", &["PMAK-"], r"PMAK-[a-f0-9]{24}-[a-f0-9]{30,}", Check::Shape),
    provider("hubspot-token", &["pat-na", "pat-eu"], r"pat-(?:na|eu)[0-9]-[a-f0-9-]{36}", Check::Shape),
    provider("algolia-key", &["algolia"], r"\b([0-9a-f]{32})\b", Check::Shape),
    provider("sourcegraph-token", &["sgp_", "slk_"], r"(?:sgp|slk)_[A-Za-z0-9_]{40,}", Check::Shape),
    provider("posthog-key", &["phx_"], r"phx_[A-Za-z0-9]{40,}", Check::Shape),
    provider("launchdarkly-key", &["sdk-"], r"sdk-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", Check::Shape),
    provider("okta-token", &["SSWS"], r"SSWS\s+([A-Za-z0-9_-]{30,})", Check::Shape),
    provider("facebook-token", &["EAA"], r"EAA[A-Za-z0-9]{80,}", Check::Shape),
    provider("instagram-token", &["IGQV"], r"IGQV[A-Za-z0-9_-]{80,}", Check::Shape),
    provider("typeform-token", &["tfp_"], r"tfp_[A-Za-z0-9_.=-]{40,}", Check::Shape),
    provider("contentful-token", &["CFPAT-"], r"CFPAT-[A-Za-z0-9_-]{40,}", Check::Shape),
    provider("mapbox-token", &["sk.eyJ"], r"sk\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{16,}", Check::Shape),
    provider("tailscale-key", &["tskey-"], r"tskey-[a-z]+-[A-Za-z0-9-]{16,}", Check::Shape),
    provider("buildkite-token", &["bkua_"], r"bkua_[a-z0-9]{40}", Check::Shape),
    provider("circleci-token", &["CCIPAT_", "CCIPRJ_"], r"CCIP(?:AT|RJ)_[A-Za-z0-9_]{40,}", Check::Shape),
    provider("sonar-token", &["sqp_", "squ_", "sqa_"], r"sq[pua]_[a-z0-9]{40}", Check::Shape),
    provider("jfrog-token", &["AKCp"], r"AKCp[A-Za-z0-9]{50,}", Check::Shape),
    provider("openshift-token", &["sha256~"], r"sha256~[A-Za-z0-9_-]{40,}", Check::Shape),
    provider("readme-key", &["rdme_"], r"rdme_[a-z0-9]{60,}", Check::Shape),
    provider("intercom-token", &["dG9r"], r"dG9r[A-Za-z0-9+/]{50,}=*", Check::Shape),
    provider("innkeeper-token", &["ink_"], r"ink_[A-Za-z0-9]{20,}", Check::Shape),
    provider("jwt", &["eyJ"], r"eyJ[A-Za-z0-9_=-]{10,}\.[A-Za-z0-9_=-]{6,}(?:\.[A-Za-z0-9_.+/=-]*)?", Check::Shape),
    provider("laravel-key", &["base64:"], r"base64:[A-Za-z0-9+/]{42,}=*", Check::Shape),
    provider("password-hash", &["$2a$", "$2b$", "$2y$"], r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{20,}", Check::Shape),
    provider("password-hash", &["$argon2"], r"\$argon2(?:id|i|d)\$[A-Za-z0-9+/=,$.-]{20,}", Check::Shape),
    provider("password-hash", &["$1$", "$5$", "$6$", "$y$"], r"\$(?:1|5|6|y)\$[./A-Za-z0-9$=,]{20,}", Check::Shape),
    provider("password-hash", &["pbkdf2_sha"], r"pbkdf2_sha[0-9]+\$[0-9]+\$[A-Za-z0-9+/=$]{20,}", Check::Shape),
    provider("bearer-token", &["bearer"], r"(?i)bearer\s+([A-Za-z0-9._~+/-]{12,}=*)", Check::Digit),
    provider("basic-credentials", &["basic"], r"(?i)basic\s+([A-Za-z0-9+/]{10,}={0,2})", Check::Mixed),
    provider("password", &["password is ", "password was ", "password set to ", "password changed to "], r#"(?i)password\s+(?:is|was|set to|changed to)[:=]?\s+['"]?([^\s'"]+)"#, Check::Digit),
    provider("password", &["machine"], r"\bmachine\s+\S+\s+login\s+\S+\s+password\s+(\S+)", Check::Shape),
    provider("command-password", &["curl"], r#"\bcurl\b.*?\s(?:-u|--user|--proxy-user)[\s=]*['"]?[^\s'":]*:([^\s'"]+)"#, Check::Shape),
    provider("command-password", &["mysql", "mariadb"], r#"\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b.*?\s-p['"]?([^\s'"]+)"#, Check::Shape),
    provider("command-password", &["sshpass"], r#"\bsshpass\s+-p\s*['"]?([^\s'"]+)"#, Check::Shape),
    provider("command-password", &["redis-cli"], r#"\bredis-cli\b.*?\s-a\s+['"]?([^\s'"]+)"#, Check::Shape),
    provider("command-password", &["docker"], r#"\bdocker\s+login\b.*?\s-p[\s=]*['"]?([^\s'"]+)"#, Check::Shape),
    provider("command-password", &["htpasswd"], r#"\bhtpasswd\s+-[a-zA-Z]*b[a-zA-Z]*\s+\S+\s+\S+\s+['"]?([^\s'"]+)"#, Check::Shape),
];

/// Compiled when they are first needed: most never are.
static PATTERNS: [OnceLock<Regex>; PROVIDERS.len()] = [const { OnceLock::new() }; PROVIDERS.len()];

/// Hides what has the shape of provider number `at`.
pub(super) fn find(at: usize, line: &[u8], hidden: &mut Vec<Hidden>) {
    let Provider { kind, check, pattern, .. } = PROVIDERS[at];
    // Logs are bytes to these patterns: their alphabets are ASCII.
    let pattern = PATTERNS[at].get_or_init(|| RegexBuilder::new(pattern).unicode(false).build().expect("the patterns are ours"));
    let mut from = 0;
    while let Some(captures) = pattern.captures_at(line, from) {
        let Some(whole) = captures.get(0) else { return };
        let secret = captures.get(1).unwrap_or(whole);
        let text = secret.as_bytes();
        let good = match check {
            Check::Shape => true,
            Check::Digit => text.iter().any(u8::is_ascii_digit),
            Check::Mixed => {
                let has = |wanted: fn(&u8) -> bool| text.iter().any(wanted);
                has(u8::is_ascii_uppercase)
                    && has(u8::is_ascii_lowercase)
                    && has(u8::is_ascii_digit)
                    && (text.len() < 40 || entropy::looks_random(text))
            }
        };
        // A pattern with a group says itself what is around the secret.
        let begins = captures.get(1).is_some() || rules::begins_word(line, whole.start());
        if good && begins && !is_placeholder(text) {
            hidden.push(Hidden { start: secret.start(), end: secret.end(), kind });
        }
        from = secret.end().max(from + 1);
        if from > line.len() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_a_keyword_alone_is_no_secret() {
        for (at, provider) in PROVIDERS.iter().enumerate() {
            let mut hidden = Vec::new();
            find(at, provider.keywords.join(" ").as_bytes(), &mut hidden);
            assert!(hidden.is_empty(), "{} takes its keywords for secrets", provider.kind);
            assert!(provider.kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", provider.kind);
        }
    }
}
