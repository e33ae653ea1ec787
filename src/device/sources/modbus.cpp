#include "device/sources/modbus.h"

#include <cmath>
#include <limits>

#include "base/log.h"

namespace mw::sources {
namespace {

constexpr nanoseconds patience_min = seconds{1}, patience_max = seconds{30};

}  // namespace

ModbusSource::ModbusSource(ModbusSourceOptions options, SourceContext context)
    : options_(std::move(options)),
      requests_(plan_requests(options_.signals)),
      context_(std::move(context)) {}

Task<> ModbusSource::run(SourceSink& sink, Bytes) {
    nanoseconds patience = patience_min;
    for (;;) {
        net::ConnectOptions where;
        where.host = options_.address.host;
        where.port = options_.address.port;
        where.limit = options_.timeout;
        auto stream = co_await net::connect(std::move(where));
        Result<> ended;
        if (stream) {
            heard_.clear();
            ended = co_await poll(sink, **stream);
            if (status_.state == "running") patience = patience_min;
        } else {
            ended = std::move(stream).error();
        }
        // Only the sink's own end is ours; whatever the machine does, it is asked again.
        if (!ended && ended.error().code == Errc::cancelled) co_return std::move(ended);
        if (!ended) note(ended.error());
        status_.state = "starting";
        CO_TRY_VOID(co_await tell_all_bad(sink));
        CO_TRY_VOID(co_await sleep_for(patience));
        patience = std::min(patience * 2, patience_max);
    }
}

Task<> ModbusSource::poll(SourceSink& sink, net::Stream& stream) {
    SteadyTime due = context_.clock->steady();
    for (;;) {
        begin_batch();
        for (const ModbusRequest& request : requests_) {
            auto registers = co_await ask(stream, request.read);
            const bool refused =
                !registers && registers.error().message.find("(exception ") != std::string::npos;
            if (!registers && !refused) co_return std::move(registers).error();
            if (refused) note(registers.error());
            for (const std::size_t i : request.signals) {
                const ModbusSignal& signal = options_.signals[i];
                if (refused) {
                    add(signal, std::numeric_limits<double>::quiet_NaN(),
                        Quality::bad(Reason::source_bad));
                    continue;
                }
                const auto at =
                    std::span(*registers).subspan(signal.address - request.read.address);
                const double raw = modbus::number_of(at, signal.number, signal.order);
                const double value = raw * signal.scale + signal.offset;
                add(signal, value,
                    std::isfinite(value) ? Quality::good() : Quality::bad(Reason::not_a_number));
            }
        }
        status_.state = "running";
        status_.points += batch_.size();
        CO_TRY_VOID(co_await sink.accept(batch_, Bytes{}));
        // On a grid; what took longer than that is not made up for.
        due = due + options_.every;
        const SteadyTime now = context_.clock->steady();
        if (due < now) due = now;
        CO_TRY_VOID(co_await sleep_for(due - now));
    }
}

Task<std::vector<std::uint16_t>> ModbusSource::ask(net::Stream& stream, modbus::Read read) {
    const std::uint16_t transaction = ++transaction_;
    CO_TRY_VOID(stream.write(modbus::encode_read(transaction, options_.unit, read)));
    auto waiting = answer(stream);
    auto bytes = co_await within(options_.timeout, std::move(waiting));
    if (!bytes) {
        Error error = std::move(bytes).error();
        if (error.code == Errc::cancelled) co_return error;
        co_return std::move(error).context("asking " + net::to_text(options_.address));
    }
    co_return modbus::decode_answer(*bytes, transaction, options_.unit, read);
}

Task<Bytes> ModbusSource::answer(net::Stream& stream) {
    for (;;) {
        CO_TRY(const auto length, modbus::answer_length(heard_));
        if (length && heard_.size() >= *length) {
            Bytes whole(heard_.begin(), heard_.begin() + static_cast<std::ptrdiff_t>(*length));
            heard_.erase(heard_.begin(), heard_.begin() + static_cast<std::ptrdiff_t>(*length));
            co_return whole;
        }
        CO_TRY(const ByteView more, co_await stream.read());
        if (more.empty()) co_return Error{Errc::io_failed, "the machine has closed the connection"};
        heard_.insert(heard_.end(), more.begin(), more.end());
    }
}

void ModbusSource::begin_batch() {
    batch_.clear();
    batch_.device = context_.device;
    batch_.position.stream = context_.name;
}

void ModbusSource::add(const ModbusSignal& signal, double value, Quality quality) {
    const auto at = static_cast<std::uint32_t>(batch_.size());
    batch_.runs.push_back({signal.signal, signal.unit, at, at + 1});
    batch_.times.push_back(context_.clock->now());
    batch_.values.push_back(value);
    batch_.quality.push_back(quality);
}

Task<> ModbusSource::tell_all_bad(SourceSink& sink) {
    begin_batch();
    for (const ModbusSignal& signal : options_.signals)
        add(signal, std::numeric_limits<double>::quiet_NaN(), Quality::bad(Reason::source_bad));
    co_return co_await sink.accept(batch_, Bytes{});
}

void ModbusSource::note(const Error& error) {
    ++status_.refused;
    if (status_.refusal != error.message)
        log::warn("edge.modbus.no_answer", {{"source", context_.name}, {"reason", error.message}});
    status_.refusal = error.message;
}

}  // namespace mw::sources
