import Shared
import Testing

@Suite struct `A report's figures` {
    private let figures: Figures = [
        "sale": .text("de\"mo"), "sold": .number(7), "position": .number(nil), "paused": .flag(false),
        "archived_at": .time(UnixMilliseconds(1)), "closes_at": .time(nil), "run_id": .text(nil),
    ]

    @Test func `are lines for people, in their order`() {
        #expect(
            figures.lines.map(\.name) == ["sale", "sold", "position", "paused", "archived_at", "closes_at", "run_id"])
        #expect(figures.lines.map(\.value) == ["de\"mo", "7", "-", "no", "1970-01-01T00:00:00.001Z", "-", "-"])
    }

    @Test func `are JSON for programs, in the same order`() {
        #expect(
            ByteBuffer.json(figures.append)
                == #"{"sale":"de\"mo","sold":7,"position":null,"paused":false,"#
                + #""archived_at":"1970-01-01T00:00:00.001Z","closes_at":null,"run_id":null}"#)
    }
}
