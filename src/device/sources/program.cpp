#include "device/sources/program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

#include "base/log.h"

namespace mw::sources {
namespace {

constexpr nanoseconds again_min = seconds{1}, again_max = seconds{60};
constexpr nanoseconds steady_after = seconds{60};  // who ran so long is started again at once
constexpr nanoseconds end_grace = seconds{2};
constexpr std::size_t arguments_max = 64;
constexpr std::size_t argument_bytes_max = 4096;
constexpr std::uint64_t complaints_said = 20;  // of a start; the others are counted
constexpr double lines_per_second_max = 100'000;

Error bad_key(const std::string& key, const std::string& what) {
    return Error{Errc::invalid_input, key + ": " + what};
}

template <std::size_t N>
Result<> only(const Json& description, const std::array<std::string_view, N>& known,
              const std::string& names) {
    for (const auto& [key, part] : description.as_object())
        if (std::find(known.begin(), known.end(), key) == known.end())
            return Error{Errc::invalid_input,
                         "unknown key '" + std::string(key) + "' (want " + names + ")"};
    return {};
}

Result<std::vector<std::string>> texts_of(const Json& description, const char* key) {
    std::vector<std::string> texts;
    const Json* part = find(description, key);
    if (!part) return texts;
    const Error wrong = bad_key(key, "want a list of up to 64 texts of at most 4096 bytes");
    if (!part->is_array() || part->get_array().size() > arguments_max) return wrong;
    for (const auto& each : part->get_array()) {
        const bool fine = each.is_string() && each.get_string().size() <= argument_bytes_max &&
                          each.get_string().find('\0') == std::string_view::npos;
        if (!fine) return wrong;
        texts.emplace_back(each.get_string());
    }
    return texts;
}

Result<> read_rest(const Json& description, ProgramOptions& options) {
    if (find(description, "lines_per_second")) {
        const auto rate = find_number(description, "lines_per_second");
        if (!rate || !(*rate >= 1) || *rate > lines_per_second_max)
            return bad_key("lines_per_second", "want a number from 1 to 100000");
        options.lines_per_second = *rate;
    }
    TRY(options.format, line_format(description));
    return {};
}

}  // namespace

Result<ProgramOptions> exec_options(const Json& description) {
    constexpr std::array<std::string_view, 8> known = {
        "type", "command", "directory", "environment", "every", "lines_per_second", "csv", "json"};
    TRY_VOID(only(description, known,
                  "command, csv or json, every, lines_per_second, directory, environment"));
    ProgramOptions options;
    TRY(options.command, texts_of(description, "command"));
    if (options.command.empty())
        return bad_key("command",
                       "want a list: the program's absolute path, then its arguments; "
                       "no shell reads it");
    if (options.command.front().empty() || options.command.front().front() != '/')
        return bad_key("command",
                       "want an absolute path first, got '" + options.command.front() + "'");
    options.directory = find_string(description, "directory").value_or("");
    TRY(options.environment, texts_of(description, "environment"));
    for (const std::string& each : options.environment)
        if (each.find('=') == std::string::npos || each.front() == '=')
            return bad_key("environment", "want NAME=value, got '" + each + "'");
    if (find(description, "every")) {
        auto every = parse_duration(find_string(description, "every").value_or(""));
        if (!every || *every < milliseconds{100})
            return bad_key("every", "want a duration of at least 100ms, like 10s");
        options.every = *every;
    }
    TRY_VOID(read_rest(description, options));
    return options;
}

Result<ProgramOptions> stdin_options(const Json& description) {
    constexpr std::array<std::string_view, 4> known = {"type", "lines_per_second", "csv", "json"};
    TRY_VOID(only(description, known, "csv or json, lines_per_second"));
    ProgramOptions options;
    TRY_VOID(read_rest(description, options));
    return options;
}

Result<> check_allowed(const std::string& list, const std::string& program) {
    const std::string remedy =
        "; the gateway's operator allows a program by a line with its absolute path in '" + list +
        "'";
    struct stat facts {};
    if (::stat(list.c_str(), &facts) != 0)
        return Error{Errc::denied, "'" + program + "' may not run here" + remedy};
    const bool others = (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
                        (facts.st_uid != 0 && facts.st_uid != ::geteuid());
    if (others)
        return Error{Errc::denied, "'" + list +
                                       "' counts only when nobody but root and the agent's user "
                                       "may write it: chmod 644 and chown it"};
    std::ifstream in(list);
    for (std::string line; std::getline(in, line);) {
        line.erase(std::min(line.find('#'), line.size()));
        while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.pop_back();
        if (line == program) return {};
    }
    return Error{Errc::denied, "'" + program + "' may not run here" + remedy};
}

ProgramSource::ProgramSource(ProgramOptions options, SourceContext context)
    : options_(std::move(options)),
      context_(std::move(context)),
      reader_(std::move(options_.format)) {}

Task<> ProgramSource::run(SourceSink& sink, Bytes) {
    counted_ = Loop::here().clock().steady();
    allowed_ = options_.lines_per_second;
    if (!options_.command.empty()) co_return co_await run_program(sink);
    auto input = process::standard_input();
    if (!input) {
        state_ = "failed";
        co_return std::move(input).error();
    }
    auto outcome = co_await read_all(sink, **input);
    state_ = outcome ? "finished" : "failed";
    co_return std::move(outcome);
}

// Again and again: with growing patience, or every `every` while it ends well.
Task<> ProgramSource::run_program(SourceSink& sink) {
    nanoseconds patience = again_min;
    for (;;) {
        const SteadyTime began = Loop::here().clock().steady();
        auto ended = co_await run_once(sink);
        if (!ended && ended.error().code != Errc::not_found && ended.error().code != Errc::denied &&
            ended.error().code != Errc::io_failed) {
            co_return std::move(ended).error();  // cancelled, or the sink's end
        }
        const nanoseconds ran = Loop::here().clock().steady() - began;
        const bool well = ended && ended->ok();
        if (!ended)
            failed(ended.error().message);
        else if (!well || options_.every.count() == 0)
            failed("'" + options_.command.front() + "' " + process::describe(*ended));
        if (ran >= steady_after || well) patience = again_min;
        const nanoseconds pause = well && options_.every.count() > 0
                                      ? std::max(options_.every - ran, nanoseconds{0})
                                      : patience;
        CO_TRY_VOID(co_await sleep_for(pause));
        patience = std::min(patience * 2, again_max);
    }
}

Task<process::Ended> ProgramSource::run_once(SourceSink& sink) {
    process::Command command;
    command.arguments = options_.command;
    command.directory = options_.directory;
    command.environment = options_.environment;
    ++starts_;
    complaints_ = 0;
    reader_.begin();
    CO_TRY(const auto program,
           process::Running::start(std::move(command),
                                   [this](std::string_view line) { complain(line); }));
    auto outcome = co_await read_all(sink, *program);
    if (!outcome) {
        ignore(co_await program->stop(end_grace), "it is killed with its group in any case");
        co_return std::move(outcome).error();
    }
    co_return co_await program->ended();
}

Task<> ProgramSource::read_all(SourceSink& sink, process::Pieces& from) {
    for (;;) {
        CO_TRY(const Bytes piece, co_await from.read());
        if (piece.empty()) co_return Result<>{};
        reader_.take(piece);
        CO_TRY_VOID(co_await hand_over(sink));
    }
}

Task<> ProgramSource::hand_over(SourceSink& sink) {
    while (reader_.waiting() > 0) {
        CO_TRY(const std::size_t lines, co_await allowance());
        const std::size_t before = reader_.waiting();
        auto batch = reader_.next(context_.clock->now(), lines);
        allowed_ -= static_cast<double>(before - reader_.waiting());
        if (!batch) continue;
        batch->device = context_.device;
        batch->position.stream = context_.name;
        state_ = "running";
        CO_TRY_VOID(co_await sink.accept(*batch, Bytes{}));
    }
    co_return Result<>{};
}

// How many lines may be taken now, at least one: a second's worth can be saved up.
Task<std::size_t> ProgramSource::allowance() {
    const SteadyTime from = Loop::here().clock().steady();
    for (;;) {
        const SteadyTime now = Loop::here().clock().steady();
        allowed_ +=
            static_cast<double>((now - counted_).count()) * 1e-9 * options_.lines_per_second;
        allowed_ = std::min(allowed_, options_.lines_per_second);
        counted_ = now;
        if (allowed_ >= 1) {
            held_back_ += now - from;
            co_return static_cast<std::size_t>(allowed_);
        }
        const double lacking = (1 - allowed_) / options_.lines_per_second;
        CO_TRY_VOID(
            co_await sleep_for(nanoseconds{static_cast<std::int64_t>(std::ceil(lacking * 1e9))}));
    }
}

void ProgramSource::complain(std::string_view line) {
    if (++complaints_ > complaints_said) return;
    log::warn("edge.program.said", {{"source", context_.name}, {"line", line}});
}

void ProgramSource::failed(std::string why) {
    state_ = "starting";
    ++failures_;
    if (why != failure_)
        log::warn("edge.program.ended", {{"source", context_.name}, {"reason", why}});
    failure_ = std::move(why);
}

SourceStatus ProgramSource::status() const {
    const LineReader::Figures& figures = reader_.figures();
    SourceStatus status;
    status.state = state_;
    status.points = figures.points;
    status.refused = figures.refused + failures_;
    status.refusal = state_ == "starting" && !failure_.empty() ? failure_ : figures.refusal;
    if (status.refusal.empty()) status.refusal = failure_;
    status.too_long = figures.too_long;
    status.held_back = held_back_;
    status.starts = starts_;
    return status;
}

}  // namespace mw::sources
