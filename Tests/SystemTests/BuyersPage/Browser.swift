import Foundation
import TestSupport

/// A real Chromium on a page, driven over WebDriver (W3C) by Debian's chromedriver.
final class Browser {
    private let directory: TemporaryDirectory
    private let driver: ChildProcess
    private let address: String
    private var session = ""

    /// `site/sale-web.conf` for the page in this repository.
    static let pageRoot = "root \(Ingress.repository.appendingPathComponent("web").path);"

    struct Failure: Error, CustomStringConvertible { let description: String }

    init() throws {
        directory = try TemporaryDirectory()
        let port = RedisServer.freePort()
        address = "http://127.0.0.1:\(port)"
        driver = try ChildProcess(
            URL(fileURLWithPath: "/usr/bin/chromedriver"), ["--port=\(port)"],
            environment: ["HOME": directory.path("")],
            errorLog: directory.url.appendingPathComponent("chromedriver.log"))
        guard eventually({ (try? command("GET", "/status")) != nil }) else {
            throw Failure(description: "chromedriver does not start: \(driver.errors)")
        }
        // Nothing but this machine is asked for anything. Chromium's sandbox does not run as root.
        var arguments = [
            "--headless=new", "--user-data-dir=\(directory.path("profile"))", "--window-size=390,844",
            "--disable-background-networking", "--disable-component-update", "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ]
        if getuid() == 0 { arguments.append("--no-sandbox") }
        let options: [String: Any] = [
            "browserName": "chrome", "goog:chromeOptions": ["args": arguments],
            "goog:loggingPrefs": ["browser": "ALL"],
        ]
        let answer = try command("POST", "/session", ["capabilities": ["alwaysMatch": options]])
        guard let id = (answer as? [String: Any])?["sessionId"] as? String else {
            throw Failure(description: "no session: \(answer)")
        }
        session = "/session/\(id)"
    }

    /// Chromium ends with its session.
    deinit { _ = try? command("DELETE", session) }

    /// Goes to an address, and waits until the page has loaded.
    func open(_ url: String) throws { _ = try command("POST", "\(session)/url", ["url": url]) }

    /// Goes to an address in another tab, and stays in it. Returns the tab that was left.
    func openTab(_ url: String) throws -> String {
        let left = try command("GET", "\(session)/window") as? String ?? ""
        let tab = try command("POST", "\(session)/window/new", ["type": "tab"]) as? [String: String]
        try show(tab?["handle"] ?? "")
        try open(url)
        return left
    }

    func show(_ tab: String) throws { _ = try command("POST", "\(session)/window", ["handle": tab]) }

    func back() throws { _ = try command("POST", "\(session)/back", [:]) }

    func reload() throws { _ = try command("POST", "\(session)/refresh", [:]) }

    /// The value of an expression on the page, or what it promises.
    func value(_ expression: String) throws -> String {
        let body: [String: Any] = ["script": "return Promise.resolve(\(expression)).then(String)", "args": []]
        return try command("POST", "\(session)/execute/sync", body) as? String ?? ""
    }

    /// Runs a script on every page that is opened from now on, before the page's own.
    func runFirst(_ script: String) throws {
        let body: [String: Any] = ["cmd": "Page.addScriptToEvaluateOnNewDocument", "params": ["source": script]]
        _ = try command("POST", "\(session)/goog/cdp/execute", body)
    }

    /// Presses what a CSS selector finds, as a finger would: it must be visible, and nothing may cover it.
    func press(_ selector: String) throws {
        let found = try command("POST", "\(session)/element", ["using": "css selector", "value": selector])
        guard let element = (found as? [String: String])?.values.first else {
            throw Failure(description: "\(selector): \(found)")
        }
        _ = try command("POST", "\(session)/element/\(element)/click", [:])
    }

    /// What the page has complained of in the console since the last look, such as a breach of its security policy.
    func complaints() throws -> [String] {
        let entries = try command("POST", "\(session)/se/log", ["type": "browser"]) as? [[String: Any]]
        return (entries ?? []).compactMap { $0["message"] as? String }
    }

    /// Sends a WebDriver command, and returns the value of its answer.
    private func command(_ method: String, _ path: String, _ body: [String: Any]? = nil) throws -> Any {
        var arguments = ["--silent", "--show-error", "--max-time", "60", "-X", method, address + path]
        if let body {
            let text = String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self)
            arguments += ["-H", "Content-Type: application/json", "--data-raw", text]
        }
        let result = try ChildProcess.run(URL(fileURLWithPath: "/usr/bin/curl"), arguments)
        let answer = try? JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        guard result.code == 0, let value = answer?["value"] else { throw Failure(description: result.errors) }
        if let error = (value as? [String: Any])?["error"] {
            throw Failure(description: "\(method) \(path): \(error): \((value as? [String: Any])?["message"] ?? "")")
        }
        return value
    }
}
