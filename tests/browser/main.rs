//! The page in a real browser: what people see and do, and that nothing gets in, out or in the way.

mod driver;
mod speed;
mod world;

use driftline::policy::record::{Command, WindowReport};
use driftline::report::{self, Data, Kind};
use driftline::words::{Name, Time};
use driver::Browser;
use serde_json::json;
use std::time::Duration;
use world::{HOSTILE, LAST_HOUR, World, event, history};

const MODEL: &str = "#/m/fraud/7/%5B%5D";
const FEATURE: &str = "#/m/fraud/7/%5B%5D/f/feature_0000";

/// Opens a place of the page on a desktop.
fn opened(world: &World, place: &str) -> Browser {
    let mut browser = Browser::start(1280, 900);
    browser.open(&format!("{}{place}", world.home()));
    browser
}

#[track_caller]
fn nothing_wrong(browser: &mut Browser, home: &str) {
    assert_eq!(browser.complaints(), Vec::<String>::new());
    assert_eq!(browser.requests_outside(home), Vec::<String>::new());
}

#[test]
fn models_are_seen_at_a_glance_and_every_part_of_the_page_opens_without_a_complaint() {
    let world = World::of(history());
    let mut browser = opened(&world, "");
    browser.wait_text("Models at a glance");
    browser.wait_text("feature_0000 moved up");
    browser.wait(
        "document.querySelector('.strip')?.getAttribute('aria-label') === 'the last 24 windows: drift'",
    );
    for (part, says) in
        [("log", "detected"), ("references", "No reference was put in force"), ("instances", "version")]
    {
        browser.click(&format!("#nav a[href='#/{part}']"));
        browser.wait_text(says);
    }
    nothing_wrong(&mut browser, &world.home());
}

#[test]
fn before_the_first_window_the_page_says_what_it_waits_for() {
    let world = World::of(driftline::view::View::default());
    let mut browser = opened(&world, "");
    browser.wait_text("No window has been judged yet");
    nothing_wrong(&mut browser, &world.home());
}

#[test]
fn a_feature_is_found_by_its_name_and_opened_from_the_heat_map_with_the_keyboard() {
    let world = World::of(history());
    let mut browser = opened(&world, MODEL);
    browser.wait("document.querySelectorAll('tbody tr').length === 12");
    browser.click("#find");
    browser.write("_0003");
    browser.wait("document.querySelectorAll('tbody tr').length === 1");
    assert!(browser.eval("location.hash").as_str().unwrap().ends_with("?q=_0003"));
    browser.eval("document.querySelector('.heat').focus()");
    browser.key("ArrowDown");
    browser.wait(
        "document.querySelector('.under .readout').textContent.startsWith('feature_0003 · 3 Mar 00:00 · ok')",
    );
    browser.key("ArrowLeft");
    browser.wait("document.querySelector('.under .readout').textContent.includes('2 Mar 23:00')");
    browser.key("Enter");
    browser.wait("document.querySelector('h1')?.textContent === 'feature_0003'");
    browser.eval("history.back()");
    browser.wait("document.querySelector('#find')?.value === '_0003'");
    nothing_wrong(&mut browser, &world.home());
}

#[test]
fn a_click_into_the_heat_map_opens_the_feature_under_it() {
    let world = World::of(history());
    let mut browser = opened(&world, MODEL);
    browser.wait("document.querySelector('.heat')?.clientHeight > 100");
    let at = browser.eval(
        "(() => { const heat = document.querySelector('.heat'); heat.scrollIntoView({block: 'center'}); \
         const box = heat.getBoundingClientRect(); return [box.right - 20, box.top + 27]; })()",
    );
    browser.click_at(at[0].as_f64().unwrap(), at[1].as_f64().unwrap());
    // Worst first: the second row is the first of the calm ones.
    browser.wait("document.querySelector('h1')?.textContent === 'feature_0001'");
}

#[test]
fn an_address_leads_straight_to_a_feature_with_its_plots_and_figures() {
    let world = World::of(history());
    let mut browser = opened(&world, FEATURE);
    browser.wait("document.querySelector('h1')?.textContent === 'feature_0000'");
    for plot in [
        "Last window over reference",
        "Median and 5 to 95 %",
        "Population stability index",
        "Missing and invalid",
    ] {
        browser.wait(&format!(
            "[...document.querySelectorAll('figcaption b')].some((b) => b.textContent === {})",
            json!(plot)
        ));
    }
    let line = browser.eval("document.querySelector('.charts:not(.pair) .line').getAttribute('d')");
    assert_eq!(line.as_str().unwrap().matches(['M', 'L']).count(), LAST_HOUR as usize);
    browser.wait_text("drift from");
    nothing_wrong(&mut browser, &world.home());
}

#[test]
fn what_happens_shows_without_a_reload_and_leaves_the_reader_where_they_were() {
    let world = World::of(history());
    let mut browser = opened(&world, MODEL);
    browser.wait_text("3 Mar 00:00");
    browser.eval("window.same = true");
    browser.click("#find");
    browser.write("feature");
    world.view.change(|view| view.report(world::report(LAST_HOUR + 1, 12)));
    browser.wait_text("3 Mar 01:00");
    world.view.change(|view| {
        view.event(driftline::policy::record::DriftEvent { id: "evt_new".into(), ..event("feature_0005") })
    });
    browser.wait_text("feature_0005 moved up");
    assert_eq!(
        browser.eval("[window.same, document.activeElement.id, document.activeElement.value]"),
        json!([true, "find", "feature"])
    );
    nothing_wrong(&mut browser, &world.home());
}

#[test]
fn names_that_would_do_harm_as_markup_stay_names() {
    let mut view = driftline::view::View::default();
    for hour in 1..=3 {
        let mut report = world::report(hour, 2);
        report.model = HOSTILE.into();
        report.segment = vec![HOSTILE.into()];
        report.features[0].feature = HOSTILE.into();
        report.features[0].top_bins.clear();
        if let Some(distribution) = &mut report.features[0].distribution {
            distribution.labels[0] = HOSTILE.into();
        }
        report.triggers_withheld = vec![HOSTILE.into()];
        report.unknown_features.insert(HOSTILE.into(), 3);
        view.report(report);
    }
    let mut hostile = event(HOSTILE);
    (hostile.model, hostile.segment) = (Name::from(HOSTILE), vec![HOSTILE.into()]);
    (hostile.owner, hostile.runbook_url) = (Some(HOSTILE.into()), Some("javascript:window.hacked=1".into()));
    view.event(hostile);
    let file = tempfile::Builder::new().suffix(".html").tempfile().unwrap();
    let world = World::of(view);
    let mut browser = opened(&world, "");
    browser.wait_text(HOSTILE);
    browser.click("td a");
    browser.wait("document.querySelector('.heat')");
    browser.wait("[...document.querySelectorAll('td a')].some((a) => a.textContent.startsWith('<img'))");
    browser
        .eval("[...document.querySelectorAll('td a')].find((a) => a.textContent.startsWith('<img')).click()");
    browser.wait(
        "document.querySelector('h1')?.textContent.startsWith('<img') && document.querySelector('.now')",
    );
    assert_eq!(browser.eval("[window.hacked ?? null, document.images.length, document.querySelectorAll('a[href^=javascript]').length]"), json!([null, 0, 0]));
    nothing_wrong(&mut browser, &world.home());
    drop(browser);

    let report = report::self_contained(&Data::of(Kind::Stream, world.view.take()).json().to_string());
    std::fs::write(file.path(), report).unwrap();
    let mut browser = Browser::start(1280, 900);
    browser.open(&format!("file://{}", file.path().display()));
    browser.wait_text(HOSTILE);
    assert_eq!(browser.eval("[window.hacked ?? null, document.images.length]"), json!([null, 0]));
    nothing_wrong(&mut browser, "file://");
}

#[test]
fn actions_are_offered_where_commands_are_taken_and_say_what_is_meant() {
    let world = World::of(history());
    let mut browser = opened(&world, "");
    browser.wait_text("feature_0000 moved up");
    assert_eq!(browser.eval("document.querySelectorAll('.action').length"), json!(0));
    drop(browser);

    let world = World::with(history(), true, None);
    let mut browser = opened(&world, "");
    browser.click(".actions .action");
    browser.wait_text("Acknowledge: applied");
    let sent = world.commands.lock().unwrap().clone();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (&sent[0]["type"], &sent[0]["model"], &sent[0]["version"]),
        (&json!("incident.acknowledge"), &json!("fraud"), &json!("7"))
    );
    assert!(sent[0]["target"].as_str().unwrap().starts_with("inc_"), "{}", sent[0]);
    nothing_wrong(&mut browser, &world.home());
}

#[test]
fn an_incident_that_someone_looks_at_says_who_and_is_not_offered_again() {
    let world = World::with(history(), true, None);
    let mut browser = opened(&world, "");
    browser.wait("document.querySelectorAll('.card .action').length === 3");
    world.view.change(|view| {
        let command =
            Command::new("cmd_1".into(), "incident.acknowledge", "fraud".into(), "ann", Time::EPOCH);
        let target = Some(event("feature_0000").incident.id);
        let command = Command { target, ..command };
        view.command(command.clone());
        view.command(command.clone().answered(Err("it is not open".into()), Some(Time::EPOCH)));
        view.command(command.answered(Ok(()), Some(Time::EPOCH)));
    });
    browser.wait_text("acknowledged by ann");
    browser.wait("document.querySelectorAll('.card .action').length === 2");
    nothing_wrong(&mut browser, &world.home());
}

#[test]
fn a_window_is_accepted_after_it_is_said_what_that_means_and_not_a_segments() {
    let mut view = history();
    view.report(WindowReport { segment: vec!["eu".into()], ..world::report(3, 2) });
    let world = World::with(view, true, None);
    let mut browser = opened(&world, MODEL);
    browser.wait("document.querySelector('.head .action')");
    let button = browser.eval("document.querySelector('.head .action').textContent");
    assert_eq!(button, json!("Accept this window as reference"));
    browser.eval("window.confirm = (text) => { window.asked = text; return window.said ?? false; }");
    browser.click(".head .action");
    browser.wait("window.asked?.includes('open incidents end')");
    browser.eval("window.said = true");
    browser.click(".head .action");
    browser.wait_text("Accept this window as reference: applied");
    let sent = world.commands.lock().unwrap().clone();
    assert_eq!(sent.len(), 1, "nothing is sent without a yes");
    assert_eq!(
        [&sent[0]["type"], &sent[0]["model"], &sent[0]["version"], &sent[0]["segment"]],
        [&json!("reference.accept_window"), &json!("fraud"), &json!("7"), &json!(null)]
    );
    browser.eval("location.hash = '#/'");
    browser.wait("document.querySelectorAll('tbody td a').length >= 2");
    browser.eval(
        "[...document.querySelectorAll('tbody td a')].find((a) => a.textContent.includes('eu')).click()",
    );
    browser.wait("document.querySelector('h1')?.textContent.includes('eu')");
    assert_eq!(browser.eval("document.querySelectorAll('.head .action').length"), json!(0));
    nothing_wrong(&mut browser, &world.home());
}

#[test]
fn with_a_token_one_signs_in_to_act_and_out_again() {
    let world = World::with(history(), true, Some("a-token-of-many-characters"));
    let mut browser = opened(&world, "");
    browser.wait_text("feature_0000 moved up");
    assert_eq!(browser.eval("document.querySelectorAll('.action').length"), json!(0));
    browser.click("#account");
    browser.click("#token");
    browser.write("a-token-of-many-characters");
    browser.key("Enter");
    browser.wait("document.querySelectorAll('.action').length > 0");
    browser.click(".actions .action");
    browser.wait_text("Acknowledge: applied");
    assert_eq!(world.commands.lock().unwrap().len(), 1);
    browser.click("#account");
    browser.wait("document.querySelector('.card') && document.querySelectorAll('.action').length === 0");
    nothing_wrong(&mut browser, &world.home());
}

#[test]
fn nothing_is_wider_than_a_phone_and_the_night_is_dark() {
    let world = World::of(history());
    let mut browser = opened(&world, "");
    browser.resize(360, 740);
    for place in ["#/", MODEL, FEATURE, "#/log", "#/references", "#/instances"] {
        browser.eval(&format!("location.hash = {}", json!(place)));
        browser.wait("!document.querySelector('.loading')");
        std::thread::sleep(Duration::from_millis(300));
        let over = browser.eval("document.scrollingElement.scrollWidth - window.innerWidth");
        assert!(over.as_f64().unwrap() <= 0.0, "{place} is {over} pixels too wide");
    }
    let brightness = "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)";
    assert!(browser.eval(brightness).as_f64().unwrap() > 600.0);
    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    browser.call("Emulation.setEmulatedMedia", dark);
    browser.wait(&format!("{brightness} < 150"));
    browser.click("#theme");
    browser.wait(&format!("{brightness} > 600"));
    nothing_wrong(&mut browser, &world.home());
}

#[test]
fn every_control_and_plot_has_a_name_for_those_who_do_not_see_it() {
    let world = World::with(history(), true, None);
    let mut browser = opened(&world, MODEL);
    for place in [MODEL, FEATURE, "#/"] {
        browser.eval(&format!("location.hash = {}", json!(place)));
        browser.wait("document.querySelector('.actions .action') && document.querySelector('main svg')");
        browser.call("Accessibility.enable", json!({}));
        let tree = browser.call("Accessibility.getFullAXTree", json!({}));
        let mut named = 0;
        for node in tree["nodes"].as_array().unwrap() {
            let role = node["role"]["value"].as_str().unwrap_or_default();
            if ["button", "link", "textbox", "searchbox", "combobox", "image", "application"].contains(&role)
                && node["ignored"] == json!(false)
            {
                named += 1;
                assert!(!node["name"]["value"].as_str().unwrap_or_default().is_empty(), "{place}: {node}");
            }
        }
        assert!(named > 10, "{place}: {named}");
    }
}

#[test]
fn a_report_is_one_file_that_asks_nobody_and_works_inside_another_page() {
    let directory = tempfile::tempdir().unwrap();
    let report = report::self_contained(&Data::of(Kind::Stream, history()).json().to_string());
    std::fs::write(directory.path().join("report.html"), &report).unwrap();
    let page = "<!doctype html><iframe src='report.html' width='1200' height='800'></iframe>";
    std::fs::write(directory.path().join("notebook.html"), page).unwrap();
    let mut browser = Browser::start(1280, 900);
    browser.open(&format!("file://{}/report.html{MODEL}", directory.path().display()));
    browser.wait("document.querySelector('.heat')?.clientHeight > 100");
    browser.eval(&format!("location.hash = {}", json!(FEATURE)));
    browser.wait("document.querySelectorAll('.chart').length > 5");
    nothing_wrong(&mut browser, "file://");
    browser.open(&format!("file://{}/notebook.html", directory.path().display()));
    let tree = browser.call("Page.getFrameTree", json!({}));
    assert_eq!(tree["frameTree"]["childFrames"].as_array().unwrap().len(), 1);
    nothing_wrong(&mut browser, "file://");
}

#[test]
fn a_check_shows_both_sides_of_every_feature_small_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let rows = |of: fn(i64) -> i64| -> String {
        let lines = (0..2_000).map(|row| format!("{},{}\n", of(row), ["a", "b"][(row % 2) as usize]));
        ["level,group\n".to_owned()].into_iter().chain(lines).collect()
    };
    std::fs::write(file("before.csv"), rows(|row| row % 7)).unwrap();
    std::fs::write(file("now.csv"), rows(|row| row % 3 + 4)).unwrap();
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_driftline"));
    check.args(["check", "--reference"]).arg(file("before.csv")).arg("--current").arg(file("now.csv"));
    let report = check.args(["--format", "html"]).output().unwrap();
    assert_eq!(report.status.code(), Some(1), "drift: {}", String::from_utf8_lossy(&report.stderr));
    std::fs::write(file("report.html"), report.stdout).unwrap();

    let mut browser = Browser::start(1280, 900);
    browser.open(&format!("file://{}", file("report.html").display()));
    browser.wait("document.querySelectorAll('tbody svg.small').length === 2");
    browser.wait_text("1 discrete, 1 categorical");
    browser.wait_text("000 in the reference");
    browser.click("tbody a");
    browser.wait_text("Rows by bin");
    // Values 0 to 6 were as many each; of 4 there are a third now.
    browser.wait("document.body.innerText.includes('286 (14.3 %)') && document.body.innerText.includes('667 (33.35 %)')");
    nothing_wrong(&mut browser, "file://");
}
