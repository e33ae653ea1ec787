#pragma once
// Where a gateway's points come from. A Source is described by a small JSON document
// (Device.spec.sources.NAME), runs as one coroutine on the agent's loop, and hands every batch over
// together with the checkpoint from which it would continue.

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/json.h"
#include "domain/point.h"
#include "platform/loop/loop.h"

namespace mw::sources {

// Takes batches; owned by the agent. Yields when the batch and its checkpoint are accepted for the
// disk; waits while the outbox has no room. The batch's sequence becomes its message's.
class SourceSink {
 public:
    virtual ~SourceSink() = default;
    virtual Task<> accept(Batch& batch, Bytes checkpoint) = 0;
    // Yields when everything accepted so far survives a power cut: for sources that acknowledge.
    virtual Task<> durable() = 0;
};

struct SourceStatus {
    std::string state = "starting";  // starting, running, held, finished, failed
    std::string reason;              // of failed
    std::uint64_t points = 0;
    std::uint64_t refused = 0;  // messages of others that could not be read
    std::string refusal;        // why the last of them
    // Of sources that read lines.
    std::uint64_t too_long = 0;  // lines, refused for that
    nanoseconds held_back{0};    // for what comes faster than it may
    std::uint64_t starts = 0;    // of its program
};

class Source {
 public:
    virtual ~Source() = default;
    virtual const std::string& name() const = 0;
    // Until cancelled, finished or failed. `checkpoint` empty: from the start.
    virtual Task<> run(SourceSink& sink, Bytes checkpoint) = 0;
    virtual SourceStatus status() const = 0;
    // A new description that this running source can take over without a restart; false if not.
    virtual bool reconfigure(const Json& /*description*/) { return false; }
    // What came last is read again, for nobody: what comes next finds warm caches (ADR 0035).
    virtual void rehearse() {}
    // Calls `visit` for at most `rows` batches before the checkpoint, oldest first, where a source
    // can look back (a recording); others visit nothing. Rebuilds windows after a restart.
    virtual Result<> look_back(const Bytes& /*checkpoint*/, std::size_t /*rows*/,
                               const std::function<void(const Batch&)>& /*visit*/) {
        return {};
    }
};

struct SourceContext {
    DeviceId device;
    std::string name;  // of the source; its stream
    Clock* clock = nullptr;
    std::string programs = {};  // the file that says which programs may run here; empty: none may
};

// {"type":"csv", ...}, and exec, host, modbus, mqtt, parquet, stdin: docs/formats/sources.md.
// Errors name the key and what is expected.
Result<std::unique_ptr<Source>> make_source(const Json& description, SourceContext context);

}  // namespace mw::sources

#include "device/sources/host.h"  // HostProbe: the gateway's own health
