import EventLoop
import Foundation
import HTTPEdge
import Shared
import TestSupport
import Testing

/// Sends every case through a real nginx: smuggling depends on two servers in a row that disagree about where a message
/// ends. nginx logs what it passes on, and the edge must have seen exactly that many requests.
@Suite struct `Behind nginx` {
    /// A real nginx in front of an edge, on a Unix socket, with persistent connections to the edge.
    ///
    /// It is one process, so that it ends with the test and may use the edge's socket, whichever user runs the test.
    private final class Ingress {
        let edge: EdgeUnderTest
        private let nginx: ChildProcess
        private let directory: TemporaryDirectory
        let address: SocketAddress

        init() throws {
            edge = try EdgeUnderTest()
            directory = try TemporaryDirectory()
            address = .unix(path: directory.path("nginx.sock"))
            let file = directory.url.appendingPathComponent("nginx.conf")
            try Self.configuration(directory.url.path, upstream: "\(edge.address)")
                .write(to: file, atomically: true, encoding: .utf8)
            nginx = try ChildProcess(
                URL(fileURLWithPath: "/usr/sbin/nginx"),
                ["-p", directory.url.path, "-c", file.path, "-e", directory.path("nginx.log")],
                errorLog: directory.url.appendingPathComponent("stderr"))
            let path = directory.path("nginx.sock")
            let answers = eventually { [edge] in
                FileManager.default.fileExists(atPath: path) && (try? EdgeClient(.unix(path: path), edge)) != nil
            }
            guard answers else { throw UnixHTTPClient.Failure("nginx does not start: \(nginx.errors)") }
        }

        /// Like deploy/nginx/sale.conf except for the routes, and with timeouts that end messages that are cut off.
        private static func configuration(_ directory: String, upstream: String) -> String {
            """
            daemon off;
            master_process off;
            pid \(directory)/nginx.pid;
            error_log \(directory)/nginx.log warn;
            events { worker_connections 256; }
            http {
                # One line a request, one address for each time that it was sent on.
                log_format passed '$upstream_addr';
                access_log \(directory)/passed.log passed;
                client_body_temp_path \(directory)/body;
                proxy_temp_path \(directory)/proxy;
                fastcgi_temp_path \(directory)/fastcgi;
                uwsgi_temp_path \(directory)/uwsgi;
                scgi_temp_path \(directory)/scgi;
                upstream edge { server \(upstream); keepalive 16; }
                server {
                    listen unix:\(directory)/nginx.sock;
                    client_max_body_size 4k;
                    client_header_timeout 200ms;
                    client_body_timeout 200ms;
                    keepalive_timeout 200ms;
                    lingering_close off;
                    proxy_http_version 1.1;
                    proxy_set_header Connection "";
                    proxy_set_header Host $host;
                    location / { proxy_pass http://edge; }
                }
            }
            """
        }

        /// How many requests nginx has passed on.
        var passed: Int {
            let log =
                (try? String(contentsOf: directory.url.appendingPathComponent("passed.log"), encoding: .utf8)) ?? ""
            return log.split(separator: "\n").flatMap { $0.split(separator: ",") }.count { $0.contains("unix:") }
        }

        /// How many requests the edge has accepted or refused.
        var seen: Int { edge.server.counters.requests + edge.server.counters.malformed }

        var isRunning: Bool { nginx.isRunning }

        /// Sends a message, and receives until nginx closes.
        func exchange(_ bytes: [UInt8]) throws -> EdgeClient {
            let client = try EdgeClient(address, edge)
            client.send(bytes)
            guard try client.closes() else { throw UnixHTTPClient.Failure("nginx does not close") }
            return client
        }
    }

    /// The last request of each connection, so that nginx closes it.
    private static let last = Array("GET /last HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n".utf8)

    @Test func `the edge sees no request that nginx did not send, whatever comes in`() throws {
        let ingress = try Ingress()
        var answered = 0
        for example in RequestCase.all {
            let client = try ingress.exchange(example.bytes + Self.last)
            answered += client.responses.count { $0.status == 200 }
            // nginx writes its log when it has finished a request, which may be a moment after the client has its
            // answer.
            let agree = try ingress.edge.run { ingress.passed == ingress.seen }
            #expect(agree, "\(example.what): nginx passed on \(ingress.passed), the edge saw \(ingress.seen)")
            guard agree else { return }
        }
        #expect(ingress.isRunning)
        #expect(
            ingress.edge.handled.count == answered, "each answer is to a request that was handled, and the other way")
        #expect(answered > 100)
    }

    @Test func `a chunked body reaches the edge as its client meant it`() throws {
        let ingress = try Ingress()
        for example in RequestCase.chunks where example.status == nil && example.message.utf8.count < 500 {
            let handled = ingress.edge.handled.count
            _ = try ingress.exchange(example.bytes + Self.last)
            // nginx is stricter in some cases, and then nothing arrives.
            guard ingress.edge.handled.count > handled, let body = example.body else { continue }
            #expect(ingress.edge.bodies[handled] == body, "\(example.what)")
        }
        #expect(ingress.edge.handled.count > 20)
    }
}
