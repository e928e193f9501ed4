/* Reads a run from C: the pulse energy of each event, then the image of the last that has one. */
#include <alkaid/c/alkaid.h>
#include <stdio.h>
#include <string.h>

static alkaid_status print_energy(const alkaid_dgram* dgram) {
  alkaid_field* field = NULL;
  double energy = 0;
  alkaid_status status = alkaid_dgram_find(dgram, "pulse", 0, "raw", "energy", &field);
  if (status == ALKAID_OK) status = alkaid_field_get_double(field, &energy);
  if (status == ALKAID_OK) printf("datagram %d: %g\n", (int)alkaid_dgram_index(dgram), energy);
  alkaid_field_release(field);
  return status;
}

static alkaid_status print_energies(const char* path) {
  alkaid_reader_options options = {0};
  alkaid_reader* reader = NULL;
  alkaid_batch* batch = NULL;
  alkaid_status status;

  options.struct_size = sizeof options;
  options.batch_bytes = 1 << 20;
  status = alkaid_reader_open(path, &options, &reader);
  while (status == ALKAID_OK) {
    alkaid_dgram* dgram = NULL;
    status = alkaid_reader_next(reader, &batch);
    if (status != ALKAID_OK || batch == NULL) break;
    while ((status = alkaid_batch_next(batch, &dgram)) == ALKAID_OK && dgram != NULL) {
      if (alkaid_dgram_service(dgram) != ALKAID_L1_ACCEPT) continue;
      status = print_energy(dgram);
      if (status != ALKAID_OK) break;
    }
    alkaid_dgram_release(dgram); /* NULL at the end of the batch */
    alkaid_batch_release(batch);
  }
  alkaid_reader_release(reader);
  return status;
}

/* The bytes of the last image, in a buffer that outlives all that it was read with. */
static alkaid_status last_image(alkaid_buffer** image) {
  const char* const small[] = {"pulse.smd.xtc2", "image.smd.xtc2"};
  const char* const big[] = {"pulse.xtc2", "image.xtc2"};
  alkaid_events* events = NULL;
  alkaid_event* event = NULL;
  alkaid_status status = alkaid_events_open(small, big, 2, NULL, &events);

  while (status == ALKAID_OK) {
    alkaid_dgram* dgram = NULL;
    alkaid_field* field = NULL;
    status = alkaid_events_next(events, &event);
    if (status != ALKAID_OK || event == NULL) break;
    if (alkaid_event_service(event) == ALKAID_L1_ACCEPT) {
      status = alkaid_event_dgram(event, 1, &dgram); /* NULL where stream 1 has none */
    }
    if (status == ALKAID_OK && dgram != NULL) {
      status = alkaid_dgram_find(dgram, "area", 0, "raw", "image", &field);
    }
    if (status == ALKAID_OK && field != NULL) {
      alkaid_buffer_release(*image);
      status = alkaid_field_buffer(field, image);
    }
    alkaid_field_release(field);
    alkaid_dgram_release(dgram);
    alkaid_event_release(event);
  }
  alkaid_events_release(events);
  return status;
}

int main(void) {
  alkaid_buffer* image = NULL;
  uint16_t pixel = 0;

  if (print_energies("pulse.xtc2") != ALKAID_OK || last_image(&image) != ALKAID_OK) {
    fprintf(stderr, "%s\n", alkaid_last_error());
    return 1;
  }
  memcpy(&pixel, alkaid_buffer_data(image), sizeof pixel); /* it may be misaligned */
  printf("%d bytes of pixels, the first is %d\n", (int)alkaid_buffer_size(image), pixel);
  alkaid_buffer_release(image);

  /* What fails says which function, and what was wrong. */
  if (print_energies("image.xtc2") == ALKAID_NOT_FOUND) puts(alkaid_last_error());
  return 0;
}
