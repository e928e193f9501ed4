#include "field_digest.h"

#include <openssl/evp.h>

#include <array>
#include <new>

namespace alkaid::tools {

struct FieldDigest::Hash {
  Hash() : context(EVP_MD_CTX_new()) {
    if (context == nullptr || EVP_DigestInit_ex(context, EVP_sha256(), nullptr) != 1) {
      EVP_MD_CTX_free(context);
      throw std::bad_alloc();
    }
  }
  ~Hash() { EVP_MD_CTX_free(context); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;

  EVP_MD_CTX* context;
};

FieldDigest::FieldDigest() : hash_(std::make_unique<Hash>()) {}
FieldDigest::~FieldDigest() = default;

Status FieldDigest::Add(const dgram::Dgram& dgram) {
  return dgram::ForEachField(
      dgram, [&](const dgram::ShapesData& data, const dgram::FieldView& field) {
        const dgram::Names& names = data.names();
        line_.clear();
        absl::StrAppend(&line_, dgram.index(), "|", names.detector(), "|", names.segment(), "|",
                        names.algorithm().name, "|", field.name(), "|",
                        dgram::DataTypeName(field.type()), "|");
        if (field.rank() == 0) line_ += "scalar";
        for (int i = 0; i < field.rank(); ++i) {
          absl::StrAppend(&line_, i == 0 ? "" : "x", field.dim(i));
        }
        line_ += '|';
        EVP_DigestUpdate(hash_->context, line_.data(), line_.size());
        EVP_DigestUpdate(hash_->context, field.data(), static_cast<size_t>(field.nbytes()));
        EVP_DigestUpdate(hash_->context, "\n", 1);
      });
}

std::string FieldDigest::Hex() const {
  const Hash copy;
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned int size = 0;
  if (EVP_MD_CTX_copy_ex(copy.context, hash_->context) != 1 ||
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

}  // namespace alkaid::tools
