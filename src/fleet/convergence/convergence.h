#pragma once
// Brings devices to what their resources say: keeps each device's desired document published, and
// what devices report in the resources' status. Belongs to the control loop. Limits: one status
// write per device at a time; health is written at most every `health_every`.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "domain/resource_store.h"
#include "fleet/convergence/desired.h"
#include "platform/loop/loop.h"

namespace mw::convergence {

// Owned here: how a document reaches a device. Implemented over the broker's retained messages.
class DesiredSink {
 public:
    virtual ~DesiredSink() = default;
    // Empty document: the device is gone.
    virtual void publish(const std::string& device, std::string document) = 0;
};

struct Options {
    nanoseconds health_every = seconds{30};
    // That devices come and go is written so much later: of many changes the last one.
    nanoseconds presence_after = milliseconds{200};
    Releases::SizeOf size_of{};  // for versions whose spec names no size
};

class Convergence {
 public:
    // `release_key` signs what devices install.
    Convergence(Loop& loop, ResourceStore& store, DesiredSink& sink,
                const identity::SigningKey& release_key, Options options = {});
    ~Convergence();

    // Reads devices, model versions and firmware, publishes every desired document, follows
    // changes.
    Task<> start();
    Task<> stop();

    // From the devices. `report` is the body of the topic; unknown devices are passed over.
    void on_reported(const std::string& device, Json report);
    void on_health(const std::string& device, Json report);
    void on_presence(const std::string& device, bool connected, Timestamp at);

    std::uint64_t published() const { return published_; }

 private:
    struct Known {
        Resource resource;
        std::string document;
        std::set<std::string> versions;     // of models and firmware that it names
        std::map<std::string, Json> patch;  // status keys to be written
        bool writing = false;
        bool presence_waits = false;
        SteadyTime health_written{-1};
    };
    void on_change(const ResourceChange& change);
    void on_device(const Resource& device, bool gone);
    void on_version(const Resource& version, bool gone);
    void publish(Known& known);
    Task<> say(Unsaid unsaid);
    std::string class_of(const Resource& device) const;
    void patch(const std::string& device, std::string key, Json value);
    Task<> write_status(std::string device);
    Task<> write_presence(std::string device);
    Task<> read_all(std::string kind);

    Loop& loop_;
    ResourceStore& store_;
    DesiredSink& sink_;
    Options options_;
    std::map<std::string, Known> devices_;
    std::map<std::string, std::string> classes_;  // by DeviceProfile
    Releases releases_;
    std::shared_ptr<void> subscription_;
    std::uint64_t published_ = 0;
    Scope scope_;
};

}  // namespace mw::convergence
