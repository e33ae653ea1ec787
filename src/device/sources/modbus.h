#pragma once
// A machine that is asked over Modbus TCP, every `every`. One connection, one request at a time;
// without an answer within `timeout` it is connected anew, with growing patience, and every signal
// is bad meanwhile. Belongs to the agent's loop. It only ever reads.

#include "device/sources/modbus_map.h"
#include "device/sources/sources.h"

namespace mw::sources {

class ModbusSource final : public Source {
 public:
    ModbusSource(ModbusSourceOptions options, SourceContext context);
    Task<> run(SourceSink& sink, Bytes checkpoint) override;
    const std::string& name() const override { return context_.name; }
    SourceStatus status() const override { return status_; }

 private:
    Task<> poll(SourceSink& sink, net::Stream& stream);
    Task<std::vector<std::uint16_t>> ask(net::Stream& stream, modbus::Read read);
    Task<Bytes> answer(net::Stream& stream);
    void begin_batch();
    void add(const ModbusSignal& signal, double value, Quality quality);
    Task<> tell_all_bad(SourceSink& sink);
    void note(const Error& error);

    ModbusSourceOptions options_;
    std::vector<ModbusRequest> requests_;
    SourceContext context_;
    SourceStatus status_;
    Batch batch_;
    Bytes heard_;  // of an answer that is not whole yet
    std::uint16_t transaction_ = 0;
};

}  // namespace mw::sources
