import Glibc

/// A wall-clock time: milliseconds since 1970-01-01T00:00:00Z. Times are never used for ordering; positions are.
package struct UnixMilliseconds: Hashable, Comparable, Sendable {
    package var value: Int

    package init(_ value: Int) { self.value = value }

    /// The last time that is accepted, in the year 5138: no sum or difference with it overflows 64 bits.
    package static let last = UnixMilliseconds(100_000_000_000_000)

    /// A time that came from outside; nil if it is missing, before 1970, or after `last`.
    package init?(validating value: Int?) {
        guard let value, (0...Self.last.value).contains(value) else { return nil }
        self.init(value)
    }

    /// The current time by the host's clock.
    package static var now: UnixMilliseconds {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UnixMilliseconds(time.tv_sec * 1000 + time.tv_nsec / 1_000_000)
    }

    package static func < (left: UnixMilliseconds, right: UnixMilliseconds) -> Bool { left.value < right.value }

    /// RFC 3339 text in UTC with milliseconds, such as `2026-11-26T20:00:00.000Z`.
    package var rfc3339: String {
        var buffer = ByteBuffer(capacity: 24)
        buffer.append(rfc3339: self)
        return buffer.string
    }

    /// Reads RFC 3339 text with any offset and up to nine fractional digits; nil for anything else, and for times
    /// before 1970: no sale is older, and Redis keeps a time as digits.
    package init?(rfc3339 text: String) {
        let read: Int? = text.withBytes { bytes in
            func field(_ start: Int, _ count: Int) -> Int? {
                start + count <= bytes.count ? bytes.extracting(start..<start + count).decimal : nil
            }
            func at(_ index: Int, _ characters: StaticString) -> Bool {
                index < bytes.count
                    && (0..<characters.utf8CodeUnitCount).contains { characters.utf8Start[$0] == bytes[index] }
            }
            guard let year = field(0, 4), at(4, "-"), let month = field(5, 2), at(7, "-"), let day = field(8, 2),
                at(10, "Tt "), let hour = field(11, 2), at(13, ":"), let minute = field(14, 2), at(16, ":"),
                let second = field(17, 2), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60,
                second < 60
            else { return nil }
            var index = 19
            var milliseconds = 0
            if at(index, ".") {
                let start = index + 1
                index = start
                while index < bytes.count, bytes[index] &- UInt8(ascii: "0") < 10 { index += 1 }
                guard index > start, index - start <= 9 else { return nil }
                for place in 0..<3 {
                    milliseconds = milliseconds * 10 + (start + place < index ? Int(bytes[start + place]) - 48 : 0)
                }
            }
            var offsetMinutes = 0
            if at(index, "Zz") {
                index += 1
            } else if at(index, "+-") {
                guard let hours = field(index + 1, 2), at(index + 3, ":"), let minutes = field(index + 4, 2),
                    hours < 24, minutes < 60
                else { return nil }
                offsetMinutes = (hours * 60 + minutes) * (at(index, "-") ? -1 : 1)
                index += 6
            } else {
                return nil
            }
            guard index == bytes.count else { return nil }
            var parts = tm()
            parts.tm_year = Int32(year - 1900)
            parts.tm_mon = Int32(month - 1)
            parts.tm_mday = Int32(day)
            parts.tm_hour = Int32(hour)
            parts.tm_min = Int32(minute)
            parts.tm_sec = Int32(second)
            let seconds = timegm(&parts)
            // timegm turns 31 February into a date in March; a date that it changed was not valid.
            guard parts.tm_mday == Int32(day) else { return nil }
            return (seconds - offsetMinutes * 60) * 1000 + milliseconds
        }
        guard let read, read >= 0 else { return nil }
        self.init(read)
    }
}

extension ByteBuffer {
    /// Appends `time`, which must not be before 1970, as RFC 3339 text in UTC with milliseconds: 24 bytes.
    package mutating func append(rfc3339 time: UnixMilliseconds) {
        let seconds = time.value / 1000
        let date = civilDate(days: seconds / 86_400)
        append(decimal: date.year, width: 4)
        append(UInt8(ascii: "-"))
        append(decimal: date.month, width: 2)
        append(UInt8(ascii: "-"))
        append(decimal: date.day, width: 2)
        append(UInt8(ascii: "T"))
        append(decimal: seconds / 3600 % 24, width: 2)
        append(UInt8(ascii: ":"))
        append(decimal: seconds / 60 % 60, width: 2)
        append(UInt8(ascii: ":"))
        append(decimal: seconds % 60, width: 2)
        append(UInt8(ascii: "."))
        append(decimal: time.value % 1000, width: 3)
        append(UInt8(ascii: "Z"))
    }
}

/// The Gregorian date `days` (0 or more) after 1970-01-01; month and day count from 1.
///
/// Years are counted from March, so that a leap day is the last day of its year (H. Hinnant, chrono-Compatible
/// Low-Level Date Algorithms, civil_from_days). gmtime_r, with its lock and its table of time zones, takes 700
/// instructions, twice per win.
private func civilDate(days: Int) -> (year: Int, month: Int, day: Int) {
    // From 0000-03-01; an era has 400 years, of 146,097 days.
    let days = days + 719_468
    let era = days / 146_097
    let dayOfEra = days % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
}
