#pragma once
// Which registers of a machine are which signals, and the fewest requests that read them. Pure.

#include <string>
#include <vector>

#include "base/json.h"
#include "domain/point.h"
#include "platform/net/net.h"
#include "protocols/modbus/modbus.h"

namespace mw::sources {

struct ModbusSignal {
    std::string signal, unit;
    modbus::Table table = modbus::Table::holding;
    std::uint16_t address = 0;
    modbus::Number number = modbus::Number::uint16;
    modbus::Order order;
    double scale = 1, offset = 0;
};

struct ModbusRequest {
    modbus::Read read;
    std::vector<std::size_t> signals;  // that it reads
};

struct ModbusSourceOptions {
    net::Address address;
    std::uint8_t unit = 1;
    nanoseconds every = seconds{1};
    nanoseconds timeout = seconds{1};
    std::vector<ModbusSignal> signals;
};

Result<ModbusSourceOptions> modbus_source_options(const Json& description);
// Neighbours are read together, and so are gaps of up to eight registers between them.
std::vector<ModbusRequest> plan_requests(const std::vector<ModbusSignal>& signals);

}  // namespace mw::sources
