#include "device/sources/sources.h"

#include "device/sources/host.h"
#include "device/sources/modbus.h"
#include "device/sources/mqtt.h"
#include "device/sources/program.h"
#include "device/sources/replay.h"

namespace mw::sources {

Result<std::unique_ptr<Source>> make_source(const Json& description, SourceContext context) {
    if (!description.is_object())
        return Error{Errc::invalid_input, "a source must be an object with a type"};
    TRY(const std::string type, want_string(description, "type"));
    if (type == "csv" || type == "parquet") {
        TRY(auto options, replay_options(description));
        TRY(auto replay, Replay::open(std::move(options), std::move(context)));
        return std::unique_ptr<Source>(std::move(replay));
    }
    if (type == "host") {
        TRY(const auto every, parse_duration(find_string(description, "every").value_or("10s")));
        if (every < milliseconds{100})
            return Error{Errc::invalid_input, "'every' must be at least 100ms"};
        return std::unique_ptr<Source>(std::make_unique<HostSource>(every, std::move(context)));
    }
    if (type == "mqtt") {
        TRY(auto options, mqtt_source_options(description));
        TRY(auto source, MqttSource::open(std::move(options), std::move(context)));
        return std::unique_ptr<Source>(std::move(source));
    }
    if (type == "modbus") {
        TRY(auto options, modbus_source_options(description));
        return std::unique_ptr<Source>(
            std::make_unique<ModbusSource>(std::move(options), std::move(context)));
    }
    if (type == "exec") {
        TRY(auto options, exec_options(description));
        TRY_VOID(check_allowed(context.programs, options.command.front()));
        return std::unique_ptr<Source>(
            std::make_unique<ProgramSource>(std::move(options), std::move(context)));
    }
    if (type == "stdin") {
        TRY(auto options, stdin_options(description));
        return std::unique_ptr<Source>(
            std::make_unique<ProgramSource>(std::move(options), std::move(context)));
    }
    return Error{Errc::invalid_input,
                 "unknown source type '" + type +
                     "' (want csv, exec, host, modbus, mqtt, parquet or stdin)"};
}

}  // namespace mw::sources
