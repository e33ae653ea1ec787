#pragma once
// The broker as its operators see it, for the API; apps/hub connects protocols/mqtt to it. Control
// loop.

#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "platform/loop/loop.h"

namespace mw::api {

class BrokerDesk {
 public:
    virtual ~BrokerDesk() = default;

    // What a list shows. Empty: every one.
    struct Order {
        std::string identity = {};
        std::string client = {};
        std::optional<bool> connected = {};
        std::string topic = {};   // subscriptions: that this topic reaches
        std::string filter = {};  // retained: that match
        std::string from = {};    // "continue" of the page before
        std::size_t limit = 100;
        bool payloads = false;
    };
    // Each {"items":[...],"continue":"..."}. invalid_input names the part of the order.
    virtual Task<Json> clients(Order order) = 0;
    virtual Task<Json> subscriptions(Order order) = 0;
    virtual Task<Json> retained(Order order) = 0;

    // {"items":[...]}: all of them, there are few.
    virtual Task<Json> bridges() = 0;

    struct Kick {
        std::optional<std::string> identity = {};
        std::optional<std::string> client = {};
        bool forget = false;          // end their sessions, too
        std::string use_server = {};  // where they are to go instead
        bool moved = false;           // and for good
    };
    // {"connections":n,"sessions":n}. invalid_input: no server reference
    virtual Task<Json> kick(Kick kick) = 0;

    // Packets as they pass. It ends when it is destroyed.
    class Trace {
     public:
        virtual ~Trace() = default;
        struct Batch {
            JsonArray packets;
            std::uint64_t dropped = 0;  // since it began, as nobody took them in time
        };
        // As soon as there is something; empty after `wait`. cancelled after close().
        virtual Task<Batch> next(nanoseconds wait) = 0;
        virtual void close() = 0;
    };
    struct TraceOrder {
        std::string topic = {};   // a filter
        std::string client = {};  // an identity or a client identifier
        bool payloads = false;
    };
    virtual Task<std::shared_ptr<Trace>> trace(TraceOrder order) = 0;
};

}  // namespace mw::api
