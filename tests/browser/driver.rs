//! A real Chromium without a window, driven by the DevTools protocol over a pipe: no port, no other
//! program and no crate between the test and the browser.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long the browser may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// One browser at a time: the machine is small, and one test measures.
static ALONE: Mutex<()> = Mutex::new(());

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: String,
    next: u64,
    /// What the browser told unasked.
    told: Vec<Value>,
    _profile: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// The browser's program: that of `CHROMIUM`, or the first of the usual names.
fn program() -> String {
    let known = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let is_there =
        |name: &str| Command::new(name).arg("--version").output().is_ok_and(|ran| ran.status.success());
    let named = std::env::var("CHROMIUM").ok().into_iter();
    named.chain(known.map(str::to_owned)).find(|name| is_there(name)).unwrap_or_else(|| {
        panic!(
            "these tests need Chromium: sudo apt-get install -y chromium fonts-dejavu-core (or set CHROMIUM to its program)"
        )
    })
}

impl Browser {
    /// A browser with an empty page of this size.
    pub fn start(width: u32, height: u32) -> Browser {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = tempfile::tempdir().unwrap();
        // The protocol's pipe is on the descriptors 3 and 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>&2", &program()])
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let (sender, from) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { return };
                if sender.send(value).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let (session, told) = (String::new(), Vec::new());
        let mut browser =
            Browser { child, to, from, session, next: 0, told, _profile: profile, _alone: alone };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.resize(width, height);
        browser
    }

    /// Asks the browser and waits for its answer.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).expect("the browser listens");
        let until = Instant::now() + PATIENCE;
        loop {
            let said = self.next_message(until).unwrap_or_else(|| panic!("no answer to {method}"));
            if said["id"] == self.next {
                assert!(said["error"].is_null(), "{method}: {}", said["error"]);
                return said["result"].clone();
            }
            self.told.push(said);
        }
    }

    fn next_message(&self, until: Instant) -> Option<Value> {
        match self.from.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("the browser has ended"),
        }
    }

    /// Waits until the browser tells `method`.
    pub fn wait_told(&mut self, method: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.told.iter().position(|said| said["method"] == method) {
                return self.told.remove(at)["params"].clone();
            }
            let said = self.next_message(until).unwrap_or_else(|| panic!("{method} was not told"));
            self.told.push(said);
        }
    }

    /// All that was told of `method` so far, which is then forgotten.
    pub fn take(&mut self, method: &str) -> Vec<Value> {
        let told = self.told(method).cloned().collect();
        self.told.retain(|said| said["method"] != method);
        told
    }

    /// All that was told of `method` so far.
    pub fn told<'a>(&'a self, method: &'a str) -> impl Iterator<Item = &'a Value> {
        self.told.iter().filter(move |said| said["method"] == method).map(|said| &said["params"])
    }

    pub fn resize(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    pub fn open(&mut self, address: &str) {
        self.call("Page.navigate", json!({"url": address}));
        self.wait_told("Page.loadEventFired");
    }

    /// The value of an expression in the page.
    pub fn eval(&mut self, expression: &str) -> Value {
        let ask = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let said = self.call("Runtime.evaluate", ask);
        assert!(said["exceptionDetails"].is_null(), "{expression}: {}", said["exceptionDetails"]);
        said["result"]["value"].clone()
    }

    pub fn text(&mut self) -> String {
        self.eval("document.body.innerText").as_str().unwrap().to_owned()
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub fn wait(&mut self, expression: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.eval(&format!("Boolean({expression})")) != json!(true) {
            if Instant::now() > until {
                let text = self.text();
                panic!("it never became true: {expression}\nthe page says:\n{text}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    pub fn wait_text(&mut self, text: &str) {
        self.wait(&format!("document.body.innerText.includes({})", json!(text)));
    }

    /// Presses and releases the mouse in the middle of an element.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let selector = json!(selector);
        self.wait(&format!("document.querySelector({selector})"));
        let middle = self.eval(&format!(
            "(() => {{ const node = document.querySelector({selector}); node.scrollIntoView({{block: 'center'}}); \
             const box = node.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ));
        self.click_at(middle[0].as_f64().unwrap(), middle[1].as_f64().unwrap());
    }

    pub fn click_at(&mut self, x: f64, y: f64) {
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({"type": kind, "x": x, "y": y, "button": button, "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Presses and releases a key that is no character.
    pub fn key(&mut self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "ArrowUp" => 38,
            "ArrowDown" => 40,
            "ArrowLeft" => 37,
            "ArrowRight" => 39,
            "Tab" => 9,
            other => panic!("{other} has no code here"),
        };
        for kind in ["keyDown", "keyUp"] {
            // Only with its text does Enter send a form.
            let text = if key == "Enter" && kind == "keyDown" { "\r" } else { "" };
            let event =
                json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Types text, a key at a time.
    pub fn write(&mut self, text: &str) {
        for letter in text.chars() {
            for kind in ["keyDown", "keyUp"] {
                let event = json!({"type": kind, "key": letter.to_string(), "text": if kind == "keyDown" { letter.to_string() } else { String::new() }});
                self.call("Input.dispatchKeyEvent", event);
            }
        }
    }

    /// Everything that the page complained of.
    pub fn complaints(&mut self) -> Vec<String> {
        // What is on its way arrives before this answer.
        self.eval("new Promise((done) => setTimeout(done, 50))");
        let console = self.told("Runtime.consoleAPICalled");
        let console =
            console.filter(|said| matches!(said["type"].as_str(), Some("error" | "warning" | "assert")));
        let logged = self.told("Log.entryAdded").filter(|said| said["entry"]["level"] == "error");
        console.chain(logged).chain(self.told("Runtime.exceptionThrown")).map(Value::to_string).collect()
    }

    /// The addresses that were asked for and do not begin so.
    pub fn requests_outside(&self, home: &str) -> Vec<String> {
        let asked = self.told("Network.requestWillBeSent").filter_map(|said| said["request"]["url"].as_str());
        let own = [home, "data:", "blob:", "about:"];
        asked.filter(|url| !own.iter().any(|own| url.starts_with(own))).map(str::to_owned).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have gone by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
