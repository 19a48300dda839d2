import Foundation
import TestSupport
import Testing

@Suite struct `A script` {
    private func run(_ script: String, environment: [String: String] = [:]) throws -> (code: Int32, errors: String) {
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/bin/bash"), ["-c", "cd '\(Ingress.repository.path)' && \(script)"],
            environment: environment)
        return (result.code, result.errors)
    }

    /// script/test is not among them: it passes on what it doesn't know to `swift test`.
    @Test(arguments: [
        "bench", "bootstrap", "build-static", "chaos", "demo", "fuzz", "install", "lint", "try-containers",
        "try-images", "try-installation", "validate",
    ])
    func `refuses an option that it doesn't know, in its own name`(_ name: String) throws {
        let refused = try run("script/\(name) --nonsense")
        #expect(refused.code == 64)
        #expect(refused.errors.hasPrefix("script/\(name): ") && refused.errors.hasSuffix(" (see --help)\n"))
        #expect(refused.errors.split(separator: "\n").count == 1, "\(refused.errors)")
    }

    @Test(arguments: ["bootstrap --check", "build-static --show", "build-static --to var/bin", "lint --fix"])
    func `refuses what follows its only option`(_ command: String) throws {
        let refused = try run("script/\(command) --more")
        #expect(refused.code == 64)
        #expect(refused.errors.hasSuffix(": unexpected argument --more (see --help)\n"), "\(refused.errors)")
    }

    @Test(arguments: ["bench all", "chaos all", "demo", "validate peak"])
    func `takes only whole numbers from 1 as a number of buyers`(_ command: String) throws {
        let name = command.prefix { $0 != " " }
        for number in ["0", "-1", "1.5", "many", "1000000000", "''", ""] {
            let refused = try run("script/\(command) --buyers \(number)")
            #expect(refused.code == 64)
            #expect(refused.errors == "script/\(name): --buyers needs a whole number from 1 (see --help)\n")
        }
    }

    @Test(arguments: [
        ("chaos kill-api --bug none", "there is no bug none"),
        ("bench memory --requests 100000", "--requests needs more than 100000: growth is measured from there"),
        ("demo --buyers 10000001", "--buyers can be at most 10000000"),
    ])
    func `refuses a value that makes no sense before it begins`(_ command: String, _ reason: String) throws {
        let refused = try run("script/\(command)")
        #expect(refused.code == 64)
        #expect(refused.errors == "script/\(command.prefix { $0 != " " }): \(reason) (see --help)\n")
    }

    @Test func `that tries the installation takes only programs that run without Swift's library`() throws {
        let folder = try TemporaryDirectory()
        let tried = "script/try-installation '\(folder.path("debian"))' --binaries"
        let dynamic = try run("\(tried) '\(ChildProcess.product("stampede").deletingLastPathComponent().path)'")
        #expect(dynamic.code == 64)
        #expect(dynamic.errors.contains("/sale-api needs Swift's library"), "\(dynamic.errors)")
        let none = try run("\(tried) '\(folder.url.path)'")
        #expect(none.code == 64)
        #expect(none.errors.contains("there is no program"), "\(none.errors)")
    }

    @Test func `waits no longer than it says, however long one try takes`() throws {
        let waited = try run(
            """
            source script/common.sh
            tries=0
            try() { tries=$((tries + 1)) && sleep 1 && false; }
            if succeeds_within 1 try; then exit 1; fi
            echo "$tries" >&2
            """)
        #expect(waited.code == 0)
        let tries = Int(waited.errors.trimmingCharacters(in: .whitespacesAndNewlines)) ?? .max
        // It counts whole seconds, and says one more.
        #expect((1...3).contains(tries), "\(waited.errors)")
    }

    @Test func `that fuzzes goes on after a fuzzer that has failed without an input`() throws {
        let tree = try TemporaryDirectory()
        let fuzzed = try run(
            """
            cd '\(tree.url.path)' && mkdir -p script stubs .build-fuzz/release
            cp '\(Ingress.repository.path)'/script/{fuzz,frame.sh} script
            printf '#!/bin/sh\n' >stubs/swift
            printf '#!/bin/sh\nexit 1\n' >.build-fuzz/release/FuzzHTTP
            printf '#!/bin/sh\necho Done 5 runs\n' >.build-fuzz/release/FuzzToken
            chmod +x stubs/swift .build-fuzz/release/*
            PATH=$PWD/stubs:$PATH script/fuzz HTTP Token >&2
            """)
        #expect(fuzzed.code == 1)
        #expect(fuzzed.errors == "HTTP   found something; the log is var/fuzz/HTTP/log\nToken  Done 5 runs\n")
    }

    @Test func `takes a part that is named twice once`() throws {
        let parts = try run("source script/frame.sh && distinct b a b c a >&2")
        #expect(parts.errors == "b\na\nc\n")
    }

    @Test func `leaves no service enabled that Debian enables with a package`() throws {
        let stubs = try TemporaryDirectory()
        let installed = try run(
            """
            stub() { printf '#!/bin/sh\\n%s\\n' "$2" >'\(stubs.url.path)'/$1; }
            for name in swift dpkg-query apt-get chmod rm; do stub $name :; done
            stub tee 'cat >/dev/null'
            stub sudo 'exec "$@"'
            stub systemctl 'echo "$*" >&2'
            chmod 755 '\(stubs.url.path)'/*
            PATH='\(stubs.url.path)':$PATH script/bootstrap
            """)
        #expect(installed.code == 0, "\(installed.errors)")
        for service in ["redis-server", "prometheus", "prometheus-alertmanager"] {
            #expect(installed.errors.contains(" disable \(service)\n"), "\(installed.errors)")
        }
    }

    @Test func `takes a package that is held for installed, and leaves it alone`() throws {
        let stubs = try TemporaryDirectory()
        let checked = try run(
            """
            for name in swift dpkg-query; do printf '#!/bin/sh\nprintf "hi "\n' >'\(stubs.url.path)'/$name; done
            chmod 755 '\(stubs.url.path)'/*
            PATH='\(stubs.url.path)':$PATH script/bootstrap --check >&2
            """)
        #expect(checked.code == 0, "\(checked.errors)")
        #expect(checked.errors == "")
    }

    @Test func `speaks in its own name where a part that it shares with another has failed`() throws {
        let failed = try run(
            """
            source script/common.sh && source chaos/network.sh && source chaos/system.sh
            succeeds_within() { false; }
            wait_for 'a failover' true
            """, environment: ["self": "script/validate", "dir": "/nowhere"])
        #expect(failed.code == 1)
        #expect(failed.errors == "script/validate: not within 60 s: a failover; logs are in /nowhere\n")
    }
}
