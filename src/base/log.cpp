#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <atomic>
#include <vector>

namespace mw::log {
namespace {

constexpr std::size_t longest_line = 16 * 1024;
constexpr std::size_t captured_lines = 1000;
constexpr const char* text_pattern = "%Y-%m-%dT%H:%M:%S.%eZ %-5l %v";
constexpr const char* json_pattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})";

struct Output {
    std::shared_ptr<spdlog::logger> logger;
    Format format = Format::text;
};

// Leaked on purpose: lines may be written while other statics are destroyed.
std::atomic<Output*> current{nullptr};
std::atomic<int> lowest_level{static_cast<int>(Level::info)};

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::debug:
            return spdlog::level::debug;
        case Level::info:
            return spdlog::level::info;
        case Level::warn:
            return spdlog::level::warn;
        case Level::error:
            return spdlog::level::err;
        case Level::off:
            break;
    }
    return spdlog::level::off;
}

// spdlog says "warning" and "error"; we say what parse_level() reads.
class LevelName final : public spdlog::custom_flag_formatter {
 public:
    void format(const spdlog::details::log_msg& message, const std::tm&,
                spdlog::memory_buf_t& out) override {
        std::string_view name = message.level == spdlog::level::warn  ? "warn"
                                : message.level == spdlog::level::err ? "error"
                                                                      : to_view(message.level);
        out.append(name.data(), name.data() + name.size());
        for (auto i = name.size(); i < static_cast<std::size_t>(padinfo_.width_); ++i)
            out.push_back(' ');
    }
    std::unique_ptr<custom_flag_formatter> clone() const override {
        return spdlog::details::make_unique<LevelName>();
    }

 private:
    static std::string_view to_view(spdlog::level::level_enum level) {
        auto name = spdlog::level::to_string_view(level);
        return {name.data(), name.size()};
    }
};

std::unique_ptr<Output> make_output(spdlog::sink_ptr sink, Format format) {
    auto formatter =
        std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc, "\n");
    formatter->add_flag<LevelName>('l').set_pattern(format == Format::json ? json_pattern
                                                                           : text_pattern);
    auto logger = std::make_shared<spdlog::logger>("millwright", std::move(sink));
    logger->set_formatter(std::move(formatter));
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::warn);
    logger->set_error_handler([](const std::string&) {});  // a full disk must not stop the work
    auto output = std::make_unique<Output>();
    *output = {std::move(logger), format};
    return output;
}

Output& output() {
    static bool const made = [] {
        Output* expected = nullptr;
        auto fresh = make_output(std::make_shared<spdlog::sinks::stderr_sink_mt>(), Format::text);
        if (current.compare_exchange_strong(expected, fresh.get())) fresh.release();
        return true;
    }();
    static_cast<void>(made);
    return *current.load(std::memory_order_acquire);
}

void append_json_string(fmt::memory_buffer& out, std::string_view text) {
    constexpr std::string_view hex = "0123456789abcdef";
    out.push_back('"');
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\'), out.push_back(c);
        } else if (c == '\n') {
            out.append(std::string_view{"\\n"});
        } else if (byte < 0x20 || byte == 0x7f) {
            out.append(std::string_view{"\\u00"});
            out.push_back(hex[byte >> 4]), out.push_back(hex[byte & 15]);
        } else {
            out.push_back(c);
        }
    }
    out.push_back('"');
}

// Quoted only where a reader (or a line break of an attacker) could be misled.
void append_text_string(fmt::memory_buffer& out, std::string_view text) {
    bool plain = !text.empty();
    for (char c : text)
        if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            plain = false;
    if (plain)
        out.append(text);
    else
        append_json_string(out, text);
}

void append_value(fmt::memory_buffer& out, const Value& value, Format format) {
    std::visit(
        [&](auto content) {
            using T = decltype(content);
            if constexpr (std::is_same_v<T, std::string_view>) {
                format == Format::json ? append_json_string(out, content)
                                       : append_text_string(out, content);
            } else if constexpr (std::is_same_v<T, double>) {
                bool finite = content - content == 0;
                if (finite || format == Format::text)
                    fmt::format_to(std::back_inserter(out), "{}", content);
                else
                    out.append(std::string_view{"null"});
            } else {
                fmt::format_to(std::back_inserter(out), "{}", content);
            }
        },
        value.content());
}

void append_line(fmt::memory_buffer& out, Format format, std::string_view event, Facts facts) {
    if (format == Format::text) {
        append_text_string(out, event);
    } else {
        out.append(std::string_view{"\"event\":"});
        append_json_string(out, event);
    }
    for (const auto& fact : facts) {
        // A fact that makes the line too long is left out whole, so that JSON stays JSON.
        auto before = out.size();
        if (format == Format::text) {
            out.push_back(' '), out.append(fact.key), out.push_back('=');
        } else {
            out.push_back(','), append_json_string(out, fact.key), out.push_back(':');
        }
        append_value(out, fact.value, format);
        if (out.size() > longest_line) {
            out.resize(before);
            out.append(std::string_view{format == Format::json ? ",\"cut\":true" : " cut=true"});
            break;
        }
    }
}

}  // namespace

Result<Level> parse_level(std::string_view text) {
    for (auto [name, level] : {std::pair<std::string_view, Level>{"debug", Level::debug},
                               {"info", Level::info},
                               {"warn", Level::warn},
                               {"error", Level::error},
                               {"off", Level::off}})
        if (text == name) return level;
    return Error{Errc::invalid_input, "log level '" + std::string(text) +
                                          "' is unknown; use debug, info, warn, error or off"};
}

Result<Format> parse_format(std::string_view text) {
    if (text == "text") return Format::text;
    if (text == "json") return Format::json;
    return Error{Errc::invalid_input,
                 "log format '" + std::string(text) + "' is unknown; use text or json"};
}

void configure(Options options) {
    output();  // so that the first use cannot replace what is set here
    auto fresh = make_output(std::make_shared<spdlog::sinks::stderr_sink_mt>(), options.format);
    // Nobody else logs yet (see the header): the former one can go.
    const std::unique_ptr<Output> former(
        current.exchange(fresh.release(), std::memory_order_acq_rel));
    lowest_level.store(static_cast<int>(options.level), std::memory_order_relaxed);
}

bool enabled(Level level) noexcept {
    return static_cast<int>(level) >= lowest_level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view event, Facts facts) noexcept {
    if (level == Level::off || !enabled(level)) return;
    try {
        Output& to = output();
        fmt::memory_buffer line;
        append_line(line, to.format, event, facts);
        to.logger->log(to_spdlog(level), spdlog::string_view_t{line.data(), line.size()});
    } catch (...) {
        // Out of memory: the line is lost, the work is not.
    }
}

struct Capture::State {
    std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> ring;
    std::unique_ptr<Output> mine;
    Output* before = nullptr;
    int level_before = 0;
    inline static std::vector<State*> open;  // oldest first; they may end in any order
};

Capture::Capture(Options options) : state_(std::make_unique<State>()) {
    state_->before = &output();
    state_->ring = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(captured_lines);
    state_->mine = make_output(state_->ring, options.format);
    current.store(state_->mine.get(), std::memory_order_release);
    state_->level_before = lowest_level.exchange(static_cast<int>(options.level));
    State::open.push_back(state_.get());
}

Capture::~Capture() {
    auto& open = State::open;
    const auto after = open.erase(std::find(open.begin(), open.end(), state_.get()));
    if (after != open.end()) {  // the one opened later goes back to where this one would
        (*after)->before = state_->before;
        (*after)->level_before = state_->level_before;
        return;
    }
    current.store(state_->before, std::memory_order_release);
    lowest_level.store(state_->level_before);
}

std::vector<std::string> Capture::lines() const {
    auto lines = state_->ring->last_formatted();
    for (auto& line : lines)
        if (!line.empty() && line.back() == '\n') line.pop_back();
    return lines;
}

}  // namespace mw::log
