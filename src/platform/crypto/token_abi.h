#pragma once
// Private to this module: what we use of the interface of PKCS#11 (OASIS, version 2.40), by the
// numbers and layouts that the specification fixes for Unix. Names are ours.

#include <cstdint>

namespace mw::crypto::abi {

using Number = unsigned long;  // CK_ULONG, and all that is one: handles, flags, codes
using Byte = unsigned char;
using Code = Number;

constexpr Code ok = 0;
constexpr Code device_removed = 0x32;
constexpr Code object_invalid = 0x82;
constexpr Code pin_incorrect = 0xa0, pin_invalid = 0xa1, pin_length = 0xa2, pin_ended = 0xa3,
               pin_locked = 0xa4;
constexpr Code session_closed = 0xb0, session_invalid = 0xb3;
constexpr Code token_absent = 0xe0;
constexpr Code already_logged_in = 0x100, not_logged_in = 0x101;
constexpr Code already_initialized = 0x191;
constexpr Code general_error = 5, function_failed = 6, device_error = 0x30;

constexpr Number class_attribute = 0, label_attribute = 3, key_type_attribute = 0x100,
                 id_attribute = 0x102, modulus_attribute = 0x120, exponent_attribute = 0x122,
                 curve_attribute = 0x180, point_attribute = 0x181;
constexpr Number public_class = 2, private_class = 3;
constexpr Number rsa_type = 0, ec_type = 3;
constexpr Number ecdsa = 0x1041, sha256_rsa_pkcs = 0x40;
constexpr Number serial_session = 4, user = 1, threads_of_the_system = 2;

struct Version {
    Byte major, minor;
};

struct TokenInfo {
    Byte label[32], manufacturer[32], model[16], serial[16];  // filled up with spaces
    Number flags, sessions_max, sessions, writing_max, writing, pin_longest, pin_shortest,
        public_total, public_free, private_total, private_free;
    Version hardware, firmware;
    Byte time[16];
};

struct Attribute {
    Number type;
    void* value;
    Number size;
};

struct Mechanism {
    Number type;
    void* parameter;
    Number size;
};

struct InitializeArguments {
    void *create, *destroy, *lock, *unlock;
    Number flags;
    void* reserved;
};

// The functions stand in the order of the specification.
struct Functions {
    Version version;
    Code (*initialize)(InitializeArguments*);
    Code (*finalize)(void*);
    void *get_info, *get_function_list;
    Code (*get_slot_list)(Byte present, Number* slots, Number* count);
    void* get_slot_info;
    Code (*get_token_info)(Number slot, TokenInfo*);
    void *get_mechanism_list, *get_mechanism_info, *init_token, *init_pin, *set_pin;
    Code (*open_session)(Number slot, Number flags, void*, void*, Number* session);
    Code (*close_session)(Number session);
    void *close_all_sessions, *get_session_info, *get_operation_state, *set_operation_state;
    Code (*login)(Number session, Number user, Byte* pin, Number size);
    void *logout, *create_object, *copy_object, *destroy_object, *get_object_size;
    Code (*get_attributes)(Number session, Number object, Attribute*, Number count);
    void* set_attributes;
    Code (*find_init)(Number session, Attribute*, Number count);
    Code (*find)(Number session, Number* objects, Number most, Number* count);
    Code (*find_final)(Number session);
    void *encrypt[4], *decrypt[4], *digest[5];
    Code (*sign_init)(Number session, Mechanism*, Number key);
    Code (*sign)(Number session, Byte* data, Number size, Byte* signature, Number* signature_size);
};

using GetFunctions = Code (*)(Functions**);

}  // namespace mw::crypto::abi
