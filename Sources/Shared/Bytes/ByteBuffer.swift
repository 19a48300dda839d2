/// A growable buffer of bytes that its owner frees. Answers, script arguments and log lines are composed in it.
///
/// `removeAll()` keeps the memory, so a buffer that has reached its working size never allocates again.
///
/// It is `@usableFromInline`, because otherwise the compiler does not inline a package type's members into other
/// modules.
@usableFromInline package struct ByteBuffer: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<UInt8>
    /// Bytes that fit.
    @usableFromInline package private(set) var capacity: Int
    /// Bytes held.
    @usableFromInline package private(set) var count: Int

    /// The smallest block that malloc gives.
    private static let capacityMin = 16

    /// An empty buffer with room for `capacity` bytes.
    package init(capacity: Int = 256) {
        self.capacity = max(capacity, Self.capacityMin)
        self.base = .allocate(capacity: self.capacity)
        self.count = 0
    }

    deinit { base.deallocate() }

    @inlinable package var isEmpty: Bool { count == 0 }

    /// The bytes held; valid until the next change.
    package var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            let span = Span<UInt8>(_unsafeStart: UnsafePointer(base), count: count)
            return _overrideLifetime(span, borrowing: self)
        }
    }

    /// Calls `body` with the bytes. For a buffer that a class owns: its span can't outlive one expression.
    @inlinable package borrowing func withBytes<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try body(Span(_unsafeStart: UnsafePointer(base), count: count))
    }

    /// Calls `body` with a pointer to the bytes, for C. It is valid only inside.
    @inlinable package func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Makes room for `extra` bytes, passes it to `body`, and keeps as many bytes as `body` returns that it wrote.
    @inlinable package mutating func append(
        upTo extra: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int
    ) {
        reserve(extra)
        let written = body(UnsafeMutableRawBufferPointer(start: base + count, count: extra))
        precondition(written >= 0 && written <= extra, "wrote more bytes than there was room for")
        count += written
    }

    /// Makes room for `extra` more bytes.
    @inlinable @inline(__always) package mutating func reserve(_ extra: Int) {
        if count + extra > capacity { grow(extra) }
    }

    /// Makes room for `extra` more bytes. If the buffer has to grow, it grows to no more than `most`, unless that is
    /// too little.
    package mutating func reserve(_ extra: Int, atMost most: Int) {
        if count + extra > capacity { grow(extra, atMost: most) }
    }

    @usableFromInline mutating func grow(_ extra: Int, atMost most: Int = .max) {
        let larger = max(min(capacity * 2, most), count + extra)
        let fresh = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        fresh.update(from: base, count: count)
        base.deallocate()
        base = fresh
        capacity = larger
    }

    /// Puts a NUL after the bytes without counting it, for C code that reads one byte too far.
    package mutating func terminate() {
        reserve(1)
        base[count] = 0
    }

    /// Removes the bytes and keeps the memory.
    @inlinable package mutating func removeAll() { count = 0 }

    /// Removes the bytes and frees the memory, except what `init(capacity: 0)` allocates.
    package mutating func release() {
        count = 0
        guard capacity > Self.capacityMin else { return }
        base.deallocate()
        base = .allocate(capacity: Self.capacityMin)
        capacity = Self.capacityMin
    }

    /// Removes the first `dropped` bytes and moves the rest to the front.
    package mutating func removeFirst(_ dropped: Int) {
        precondition(dropped >= 0 && dropped <= count, "removing more bytes than there are")
        (UnsafeMutableRawPointer(base)).copyMemory(from: base + dropped, byteCount: count - dropped)
        count -= dropped
    }

    /// Removes the last `dropped` bytes.
    package mutating func removeLast(_ dropped: Int) {
        precondition(dropped >= 0 && dropped <= count, "removing more bytes than there are")
        count -= dropped
    }

    @inlinable package mutating func append(_ byte: UInt8) {
        reserve(1)
        base[count] = byte
        count += 1
    }

    // Inlined, so that the length is known: the copy is a few moves instead of a call to memcpy.
    @inlinable @inline(__always) package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inlinable @inline(__always) package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        reserve(bytes.count)
        UnsafeMutableRawPointer(base + count).copyMemory(from: start, byteCount: bytes.count)
        count += bytes.count
    }

    @inlinable package mutating func append(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { append($0) }
    }

    @inlinable package mutating func append(_ other: borrowing ByteBuffer) {
        append(UnsafeRawBufferPointer(start: other.base, count: other.count))
    }

    /// Appends text that is made at run time. Disfavoured, so that a literal is taken for a `StaticString`: its bytes
    /// are copied from where they are, without reference counting.
    @_disfavoredOverload
    package mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Appends `value` in decimal.
    @inlinable package mutating func append(decimal value: Int) {
        reserve(20)
        if value >= 0, value < 10 { return append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value)) }
        var magnitude = value.magnitude
        if value < 0 { append(UInt8(ascii: "-")) }
        var digits = 1
        var bound: UInt = 10
        while digits < 19, magnitude >= bound {
            digits += 1
            bound *= 10
        }
        var place = count + digits
        count = place
        repeat {
            place -= 1
            base[place] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: magnitude % 10)
            magnitude /= 10
        } while magnitude != 0
    }

    /// Appends `value`, which must not be negative, in decimal, padded with zeros to `width` digits.
    ///
    /// Inlined, because the width is a literal at each call: the loop is unrolled, and formatting a time takes 500
    /// instructions less.
    @inlinable @inline(__always) package mutating func append(decimal value: Int, width: Int) {
        reserve(width)
        var rest = UInt(value)
        var place = count + width
        while place > count {
            place -= 1
            base[place] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        if rest == 0 { count += width } else { append(decimal: value) }
    }

    /// The bytes as text; invalid UTF-8 is replaced by U+FFFD.
    package var string: String {
        String(decoding: UnsafeBufferPointer(start: base, count: count), as: UTF8.self)
    }
}
