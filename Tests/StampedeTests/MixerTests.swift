import Testing

@testable import Stampede

@Suite struct `The load client's connections` {
    @Test(arguments: [1, 2, 3, 96, 512])
    func `are drawn evenly`(_ bound: Int) {
        var mixer = Mixer()
        var drawn = [Int](repeating: 0, count: bound)
        for _ in 0..<bound * 1000 { drawn[mixer.index(below: bound)] += 1 }
        // Five standard deviations (32 each) of a fair die.
        for count in drawn { #expect(abs(count - 1000) < 160) }
    }
}
