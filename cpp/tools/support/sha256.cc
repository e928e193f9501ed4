#include "tools/support/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <new>

namespace alkaid::tools {

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) {
    if (context == nullptr || EVP_DigestInit_ex(context, EVP_sha256(), nullptr) != 1) {
      EVP_MD_CTX_free(context);
      throw std::bad_alloc();
    }
  }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

void Sha256::Update(const void* data, size_t nbytes) {
  EVP_DigestUpdate(state_->context, data, nbytes);
}

std::string Sha256::Hex() const {
  const State copy;
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned int size = 0;
  if (EVP_MD_CTX_copy_ex(copy.context, state_->context) != 1 ||
      EVP_DigestFinal_ex(copy.context, bytes.data(), &size) != 1) {
    throw std::bad_alloc();
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kDigits[bytes[i] >> 4];
    hex += kDigits[bytes[i] & 0x0f];
  }
  return hex;
}

std::string Sha256::Of(const void* data, size_t nbytes) {
  Sha256 hash;
  hash.Update(data, nbytes);
  return hash.Hex();
}

}  // namespace alkaid::tools
