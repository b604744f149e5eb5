import Chat
import Testing

struct JSONTests {
    @Test(arguments: [
        "null", "true", "[]", "{}", "0", "-1", "9223372036854775807", "18446744073709551615", "1.50", "-0", "1e-7",
        #""a\"b\\c\n\u0007é🐩""#, #"{"a":[1,2,{"b":null}],"c":"/"}"#, "[0,-1,999999999999999999]",
        "[1,-9223372036854775807,9223372036854775807]", "[1,-0,1.50,1e9]", #"[1,2,"3"]"#, "[[1,2],[3,null]]",
    ])
    func compactTextSurvives(_ text: String) throws {
        let value = try JSONParser.parse(Array(text.utf8))
        #expect(String(decoding: value.compactBytes, as: UTF8.self) == text)
        #expect(try JSONParser.parse(value.prettyBytes) == value)
    }

    @Test func prettyTextIsReadable() throws {
        let value = try JSONParser.parse(Array(#"{"b":[1,2],"a":[{"x":"a\/b"}],"c":[]}"#.utf8))
        let expected = """
            {
              "a": [
                {
                  "x": "a/b"
                }
              ],
              "b": [1,2],
              "c": []
            }

            """
        #expect(String(decoding: value.prettyBytes, as: UTF8.self) == expected)
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{\"a\":1,\"a\":2}", "01", "1.", "1e", "-", "+1", "nul", "\"",
        "\"\\x\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\u{1}\"", "1 2", "[1 2]", "'a'",
        "\"\\u12g4\"", "[1,01]", "[1,-]", "[1", "[1,", "[-", "[1,2}", "[1,2,x]", "[1,00]",
    ])
    func malformedTextIsRefused(_ text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text.utf8)) }
    }

    @Test func arraysOfIntegersAreEqualHoweverTheyCameAbout() throws {
        let parsed = try JSONParser.parse(Array(" [ 1 ,\n-20,\t300 ] ".utf8))
        #expect(parsed == .integers(clamping: [1, -20, 300]))
        #expect(parsed == .array([.integer(1), .integer(-20), .integer(300)]))
        #expect(parsed.elements == [.integer(1), .integer(-20), .integer(300)])
        #expect(parsed != .array([.integer(1), .integer(-20), .number("300.0")]) && parsed != .integers(clamping: [1]))
        #expect(JSONValue.array([]) == .integers(clamping: [Int]()) && JSONValue.null.elements == nil)
        #expect(parsed.compactBytes == Array("[1,-20,300]".utf8))
    }

    @Test func deepNestingIsRefused() {
        for text in [String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 100_000)] {
            #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text.utf8)) }
        }
    }

    @Test func invalidUTF8IsRefusedWithItsPlace() {
        let bytes = Array("{\n  \"a\": \"x".utf8) + [0xC3, 0x28] + Array("\"}".utf8)
        #expect(throws: JSONSyntaxError(line: 2, column: 9, expected: "text in UTF-8")) { try JSONParser.parse(bytes) }
    }

    @Test func surrogatePairsBecomeOneCharacter() throws {
        #expect(try JSONParser.parse(Array(#""\ud83d\udc29""#.utf8)) == .string("🐩"))
    }
}

struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00.000Z", Int64(0)), ("2026-11-21T14:02:03.123Z", 1_795_269_723_123),
        ("2000-02-29T23:59:59.999Z", 951_868_799_999), ("1969-12-31T23:59:59.999Z", -1),
        ("0001-01-01T00:00:00.000Z", -62_135_596_800_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ])
    func textAndNumberAgree(_ text: String, _ milliseconds: Int64) {
        #expect(Timestamp(text)?.milliseconds == milliseconds)
        #expect(Timestamp(milliseconds: milliseconds).description == text)
    }

    @Test(arguments: [
        "", "2026-11-21", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z",
        "2026-11-21T14:02:03.Z", "2026-11-21T14:02:03.12xZ", "2026-11-21T14:02:03+01:00", "0000-01-01T00:00:00Z",
    ])
    func otherTextIsRefused(_ text: String) { #expect(Timestamp(text) == nil) }
}
