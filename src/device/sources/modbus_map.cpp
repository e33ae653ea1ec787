#include "device/sources/modbus_map.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "protocols/payload/payload.h"

namespace mw::sources {
namespace {

constexpr std::size_t signals_max = 1'000;
constexpr nanoseconds every_min = milliseconds{10}, timeout_max = seconds{60};
constexpr std::uint16_t gap_max = 8;  // a longer gap costs more bytes than another request

Error bad_map(const std::string& place, const std::string& what) {
    return {Errc::invalid_input, place + ": " + what};
}

template <std::size_t N>
Result<> check_keys(const Json& object, const std::array<std::string_view, N>& known,
                    const std::string& place) {
    for (const auto& [key, part] : object.as_object()) {
        if (std::find(known.begin(), known.end(), key) != known.end()) continue;
        std::string wanted;
        for (const auto name : known) wanted += (wanted.empty() ? "" : ", ") + std::string(name);
        return bad_map(place, "unknown key '" + std::string(key) + "' (want " + wanted + ")");
    }
    return {};
}

Result<net::Address> parse_machine(const std::string& text) {
    const Error wrong =
        bad_map("address", "want a numeric ADDRESS:PORT like 192.168.1.20:502, got '" + text + "'");
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return wrong;
    net::Address address{text.substr(0, colon), 0};
    if (address.host.front() == '[' && address.host.back() == ']')
        address.host = address.host.substr(1, address.host.size() - 2);
    if (address.host == "localhost") address.host = "127.0.0.1";
    if (address.host.find_first_not_of("0123456789abcdefABCDEF.:%") != std::string::npos)
        return wrong;
    const char* end = text.data() + text.size();
    const auto [at, code] = std::from_chars(text.data() + colon + 1, end, address.port);
    if (code != std::errc() || at != end || address.port == 0) return wrong;
    return address;
}

Result<std::int64_t> whole(const Json& object, const char* key, std::int64_t otherwise,
                           std::int64_t most, const std::string& place) {
    const Json* part = find(object, key);
    if (!part) return otherwise;
    const auto number = find_integer(object, key);
    if (!number || *number < 0 || *number > most)
        return bad_map(place + key, "want a whole number from 0 to " + std::to_string(most));
    return *number;
}

Result<double> real(const Json& object, const char* key, double otherwise,
                    const std::string& place) {
    if (!find(object, key)) return otherwise;
    const auto number = find_number(object, key);
    if (!number) return bad_map(place + "." + key, "want a number");
    return *number;
}

Result<nanoseconds> lasting(const Json& object, const char* key, const char* otherwise,
                            nanoseconds least, nanoseconds most) {
    TRY(const auto time, parse_duration(find_string(object, key).value_or(otherwise)));
    if (time < least || time > most)
        return bad_map(key, "want from " + to_text(least) + " to " + to_text(most));
    return time;
}

Result<modbus::Table> table_named(const std::string& name, const std::string& place) {
    constexpr std::array<std::pair<std::string_view, modbus::Table>, 4> tables = {
        {{"coils", modbus::Table::coils},
         {"discrete", modbus::Table::discrete_inputs},
         {"holding", modbus::Table::holding},
         {"input", modbus::Table::input}}};
    for (const auto& [known, table] : tables)
        if (known == name) return table;
    return bad_map(place + ".table", "want holding, input, coils or discrete, got '" + name + "'");
}

Result<ModbusSignal> read_signal(const Json& json, const std::string& place) {
    if (!json.is_object()) return bad_map(place, "want an object with signal and address");
    constexpr std::array<std::string_view, 8> known = {"signal", "unit",  "table", "address",
                                                       "type",   "order", "scale", "offset"};
    TRY_VOID(check_keys(json, known, place));
    ModbusSignal signal;
    signal.signal = find_string(json, "signal").value_or("");
    if (auto fine = payload::check_name(signal.signal, payload::Limits{}.name_bytes); !fine)
        return bad_map(place + ".signal", fine.error().message);
    signal.unit = find_string(json, "unit").value_or("");
    TRY(signal.table, table_named(find_string(json, "table").value_or("holding"), place));
    if (!find(json, "address")) return bad_map(place + ".address", "is missing");
    TRY(const auto address, whole(json, "address", 0, 65535, place + "."));
    signal.address = static_cast<std::uint16_t>(address);
    const bool bits = modbus::is_bits(signal.table);
    const std::string type = find_string(json, "type").value_or(bits ? "bit" : "uint16");
    const auto number = modbus::number_named(type);
    if (!number || bits != (*number == modbus::Number::bit))
        return bad_map(place + ".type", bits ? "coils and discrete inputs are of type bit"
                                             : "want int16, uint16, int32, uint32, float32 or "
                                               "float64, got '" +
                                                   type + "'");
    signal.number = *number;
    const std::string order = find_string(json, "order").value_or("abcd");
    const auto ordered = modbus::order_named(order);
    if (!ordered)
        return bad_map(place + ".order", "want abcd, cdab, badc or dcba, got '" + order + "'");
    signal.order = *ordered;
    TRY(signal.scale, real(json, "scale", 1, place));
    TRY(signal.offset, real(json, "offset", 0, place));
    if (signal.address + modbus::registers_of(signal.number) > 65536)
        return bad_map(place + ".address", "the last register is 65535");
    return signal;
}

}  // namespace

Result<ModbusSourceOptions> modbus_source_options(const Json& description) {
    constexpr std::array<std::string_view, 6> known = {"type",  "address", "unit",
                                                       "every", "timeout", "registers"};
    TRY_VOID(check_keys(description, known, "modbus"));
    ModbusSourceOptions options;
    TRY(const std::string text, want_string(description, "address"));
    TRY(options.address, parse_machine(text));
    TRY(const auto unit, whole(description, "unit", 1, 255, ""));
    options.unit = static_cast<std::uint8_t>(unit);
    TRY(options.every, lasting(description, "every", "1s", every_min, hours{24}));
    TRY(options.timeout, lasting(description, "timeout", "1s", every_min, timeout_max));
    const Json* registers = find(description, "registers");
    if (!registers || !registers->is_array() || registers->get_array().empty())
        return bad_map("registers", "want a list of {signal, address, type, ...}");
    if (registers->get_array().size() > signals_max)
        return bad_map("registers", "at most 1000, a batch has no more signals");
    std::set<std::string> names;
    for (const Json& json : registers->get_array()) {
        const std::string place = "registers[" + std::to_string(options.signals.size()) + "]";
        TRY(ModbusSignal signal, read_signal(json, place));
        if (!names.insert(signal.signal).second)
            return bad_map(place + ".signal", "'" + signal.signal + "' stands there twice");
        options.signals.push_back(std::move(signal));
    }
    return options;
}

std::vector<ModbusRequest> plan_requests(const std::vector<ModbusSignal>& signals) {
    std::vector<std::size_t> order(signals.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return std::pair(signals[a].table, signals[a].address) <
               std::pair(signals[b].table, signals[b].address);
    });
    std::vector<ModbusRequest> requests;
    for (const std::size_t i : order) {
        const ModbusSignal& signal = signals[i];
        const std::size_t end = signal.address + modbus::registers_of(signal.number);
        const std::size_t most =
            modbus::is_bits(signal.table) ? modbus::bits_max : modbus::registers_max;
        if (!requests.empty()) {
            modbus::Read& last = requests.back().read;
            const std::size_t last_end = last.address + last.count;
            if (last.table == signal.table && signal.address <= last_end + gap_max &&
                end - last.address <= most) {
                last.count = static_cast<std::uint16_t>(std::max(last_end, end) - last.address);
                requests.back().signals.push_back(i);
                continue;
            }
        }
        requests.push_back(
            {{signal.table, signal.address, static_cast<std::uint16_t>(end - signal.address)},
             {i}});
    }
    return requests;
}

}  // namespace mw::sources
