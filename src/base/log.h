#pragma once
// Structured log lines to stderr: an event named module.noun.past_verb, then facts. One
// process-wide sink behind spdlog; any thread may log, and logging never throws. A line is at most
// 16 KiB.
//
//     log::info("mqtt.session.opened", {{"client", id}, {"keepalive_s", 60}});

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace mw::log {

enum class Level { debug, info, warn, error, off };
enum class Format { text, json };

Result<Level> parse_level(std::string_view text);    // "debug", "info", "warn", "error", "off"
Result<Format> parse_format(std::string_view text);  // "text", "json"

struct Options {
    Level level = Level::info;
    Format format = Format::text;
};
// Call it before other threads start.
void configure(Options options);
bool enabled(Level level) noexcept;

// Borrowed for the length of one call.
class Value {
 public:
    Value(bool b) : content_(b) {}
    template <std::signed_integral T>
    Value(T i) : content_(static_cast<std::int64_t>(i)) {}
    template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>) Value(T i) : content_(static_cast<std::uint64_t>(i)) {}
    Value(double d) : content_(d) {}
    Value(std::string_view text) : content_(text) {}
    Value(const std::string& text) : content_(std::string_view{text}) {}
    Value(const char* text) : content_(std::string_view{text ? text : ""}) {}
    Value(const Error& error) : content_(std::string_view{error.message}) {}

    using Content = std::variant<bool, std::int64_t, std::uint64_t, double, std::string_view>;
    const Content& content() const { return content_; }

 private:
    Content content_;
};

struct Fact {
    std::string_view key;
    Value value;
};
using Facts = std::initializer_list<Fact>;

void write(Level level, std::string_view event, Facts facts) noexcept;

// error: a person must act; warn: we degraded; info: state changed; debug: on demand.
inline void error(std::string_view event, Facts facts = {}) { write(Level::error, event, facts); }
inline void warn(std::string_view event, Facts facts = {}) { write(Level::warn, event, facts); }
inline void info(std::string_view event, Facts facts = {}) { write(Level::info, event, facts); }
inline void debug(std::string_view event, Facts facts = {}) {
    if (enabled(Level::debug)) write(Level::debug, event, facts);
}

// For tests: while it lives, lines go here and not to stderr (the last 1000 are kept).
class Capture {
 public:
    explicit Capture(Options options = {Level::debug, Format::text});
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    std::vector<std::string> lines() const;  // as written, without the line end

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mw::log
