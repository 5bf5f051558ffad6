//! Only the operator looks at the programme as a whole.

use platform::access::Role;
use server::config::Settings;
use server::stores::open_access;

use crate::support::{Engine, within};

const PATHS: [&str; 5] =
    ["/dealDashboards", "/dealDashboards?memberId=1", "/dealDashboards/1", "/dashboards/summary", "/dashboards/series"];

#[test]
fn members_and_merchants_do_not_read_it_and_the_operator_does() {
    let app = crate::open(Engine::Sqlite);
    let settings = Settings::from_sources(None, std::iter::empty(), &app.store_settings()).expect("settings");
    let keys = open_access(&settings).expect("the keys");
    let roles = [Role::Owner("member"), Role::Owner("merchant"), Role::Operator, Role::Service];
    for role in roles {
        let owner = matches!(role, Role::Owner(_)).then_some(1);
        let (_, text) = keys.create(role, owner, "test", 1).expect("a key");
        let ask = |path: &str| app.request("GET", path).header("Authorization", &format!("Bearer {text}")).send();
        within(std::time::Duration::from_secs(5), "the server knows the key", || ask("/members/1").status != 401);
        for path in PATHS {
            let answer = ask(path);
            match role {
                Role::Owner(_) => answer.must_be_problem(403),
                _ => assert!(matches!(answer.status, 200 | 404), "{path}: {}", answer.text),
            }
        }
    }
}

#[test]
fn a_stopped_dashboard_answers_503_and_catches_up() {
    let app = crate::open(Engine::Sqlite);
    app.stop("dashboard");
    for path in PATHS {
        app.get(path).must_be_problem(503);
    }
    app.join_normal(1);
    app.start("dashboard");
    app.settle();
    assert_eq!(crate::summary(&app)["members"]["joined"]["value"], 1);
}
