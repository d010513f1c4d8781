//! From a configuration to the settings of the two stages and of the decoder: `run` and `replay` take
//! theirs from here, so that they can't differ.

use super::{Config, InputConfig, NameSource, SchemaFile, TimeSource, UnknownFeatures, UnknownModels};
use crate::engine::{self, EvaluatorSettings, Layout, SketcherSettings};
use crate::error::{Error, Result};
use crate::event::{self, Decoder, Envelope, Fields, NameFrom, SchemaSource, TimeFrom, WriterSchema};
use crate::policy::BootstrapSettings;
use crate::words::Season;
use std::sync::Arc;

const WEEK_MS: i64 = 604_800_000;

impl Config {
    /// The settings of stage 1.
    pub fn sketcher(&self) -> SketcherSettings {
        SketcherSettings {
            grid: self.window.grid,
            allowed_lateness_ms: self.window.allowed_lateness_ms,
            max_future_skew_ms: self.input.max_future_skew_ms,
            unknown_models: match self.input.unknown_models {
                UnknownModels::Count => engine::UnknownModels::Count,
                UnknownModels::Monitor => engine::UnknownModels::Monitor,
                UnknownModels::DeadLetter => engine::UnknownModels::DeadLetter,
            },
            allow: self.input.allow.clone(),
            report_unknown_features: self.input.unknown_features == UnknownFeatures::Report,
            unseen_cap: self.limits.categories,
            models: self.models.iter().map(|model| (model.name.clone(), model.clone())).collect(),
            unlisted: self.unlisted.clone(),
            segment_pointers: self.segment_pointers(),
        }
    }

    /// The settings of stage 2, where the deltas topic has so many partitions.
    pub fn evaluator(&self, partitions: i32) -> EvaluatorSettings {
        let with_id = |model: &crate::policy::ModelSettings| (model.clone(), self.config_id(model));
        EvaluatorSettings {
            app: self.kafka.application_id.clone(),
            grid: self.window.grid,
            idle_timeout_ms: self.window.idle_timeout_ms,
            layout: Layout::of(&self.window.grid, partitions, self.window.allowed_lateness_ms),
            models: self.models.iter().map(|model| (model.name.clone(), with_id(model))).collect(),
            unlisted: with_id(&self.unlisted),
            max_models: self.limits.models,
            max_versions: self.limits.live_versions,
            max_segments: self.limits.segments,
            max_features: self.limits.features,
            unseen_cap: self.limits.categories,
            bootstrap: self.bootstrap(),
            lead_ms: self.references.lead_ms,
            season: self.window.season.clone(),
        }
    }

    /// How references are made of first rows: of a whole week at least, where that is the season.
    fn bootstrap(&self) -> BootstrapSettings {
        let is_week = self.window.season.as_ref().is_some_and(|clock| clock.season() == Season::Week);
        let least = if is_week { WEEK_MS } else { 0 };
        let min_duration_ms = self.bootstrap.min_duration_ms.max(least);
        let max_duration_ms = self.bootstrap.max_duration_ms.max(least);
        BootstrapSettings { min_duration_ms, max_duration_ms, ..self.bootstrap }
    }

    /// The envelope of input events, with the segment pointers of all models.
    ///
    /// # Errors
    /// `Config`, where two pointers can't both hold.
    pub fn envelope(&self) -> Result<Envelope> {
        Envelope::new(fields(&self.input, self.segment_pointers()))
    }

    /// The decoder of input events. `schemas` is where Avro schemas come from; JSON needs none.
    ///
    /// # Errors
    /// `Config`, where two pointers can't both hold, or the input is Avro and there is no source.
    pub fn decoder(&self, schemas: Option<Arc<dyn SchemaSource>>) -> Result<Decoder> {
        let format = match (self.input.format, schemas) {
            (super::Format::Json, _) => event::Format::Json,
            (super::Format::Avro, Some(schemas)) => event::Format::Avro { schemas },
            (super::Format::Avro, None) => {
                return Err(Error::config("`input.format` is \"avro\", and no schemas are at hand")
                    .hint("set `schema_registry.url` or `input.schemas`"));
            }
        };
        Ok(Decoder::new(format, self.envelope()?))
    }

    /// The schemas of `input.schemas`.
    ///
    /// # Errors
    /// `Input`, where one is no Avro schema; reading the configuration has refused that already.
    pub fn writer_schemas(&self) -> Result<Vec<Arc<WriterSchema>>> {
        let parse = |file: &SchemaFile| {
            WriterSchema::parse(&file.text).map(Arc::new).map_err(|error| error.at(file.path.display()))
        };
        self.input.schemas.iter().map(parse).collect()
    }

    /// The segment pointers of all models, each once, in the order of the models.
    fn segment_pointers(&self) -> Vec<String> {
        let mut pointers: Vec<String> = Vec::new();
        for pointer in self.models.iter().flat_map(|model| &model.segments) {
            if !pointers.contains(pointer) {
                pointers.push(pointer.clone());
            }
        }
        pointers
    }
}

fn fields(input: &InputConfig, segments: Vec<String>) -> Fields {
    let name = |source: &NameSource| match source {
        NameSource::Pointer(pointer) => NameFrom::Pointer(pointer.clone()),
        NameSource::Constant(name) => NameFrom::Constant(name.clone()),
    };
    let fields = &input.fields;
    Fields {
        id: fields.id.clone(),
        model: name(&fields.model),
        version: fields.version.as_ref().map_or_else(|| NameFrom::Constant(String::new()), name),
        time: match &fields.time {
            TimeSource::Pointer(pointer) => TimeFrom::Pointer(pointer.clone()),
            TimeSource::Record => TimeFrom::Record,
        },
        features: fields.features.clone(),
        prediction: fields.prediction.clone(),
        segments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(toml: &str) -> Config {
        Config::from_toml(toml, "test.toml").unwrap()
    }

    #[test]
    fn both_stages_get_the_same_grid_models_and_segments() {
        let config = config(
            "[window]\nsize = '2h'\nslide = '1h'\nlook = '1m'\n\
             [[model]]\nname = 'a'\nsegments = ['/segment/country', '/segment/os']\n\
             [[model]]\nname = 'b'\nsegments = ['/segment/os']\n",
        );
        let (sketcher, evaluator) = (config.sketcher(), config.evaluator(4));
        assert_eq!(sketcher.grid, evaluator.grid);
        assert_eq!(sketcher.segment_pointers, ["/segment/country", "/segment/os"]);
        assert!(sketcher.models.keys().eq(evaluator.models.keys()));
        assert_eq!(evaluator.layout.partitions, 4);
        assert_eq!(evaluator.models["a"].1, config.config_id(config.model("a").unwrap()));
        assert_ne!(evaluator.models["a"].1, evaluator.models["b"].1);
    }

    #[test]
    fn a_bootstrap_in_a_season_of_a_week_takes_a_whole_one() {
        let spans = |toml: &str| {
            let BootstrapSettings { min_duration_ms, max_duration_ms, .. } =
                config(toml).evaluator(1).bootstrap;
            (min_duration_ms / 3_600_000, max_duration_ms / 3_600_000)
        };
        assert_eq!(spans(""), (24, 168));
        assert_eq!(spans("window.season = 'day'\nbootstrap.max_duration = '2d'"), (24, 48));
        assert_eq!(spans("window.season = 'week'\nbootstrap.max_duration = '2d'"), (168, 168));
    }

    #[test]
    fn the_decoder_reads_the_configured_envelope() {
        let config = config(
            "[input.fields]\nmodel = '=fraud'\nversion = ''\ntime = '/meta/ts'\nfeatures = '/x'\nprediction = ''\n\
             [[model]]\nname = 'fraud'\nsegments = ['/meta/country']\n",
        );
        let decoder = config.decoder(None).unwrap();
        let bytes = br#"{"meta":{"ts":1000,"country":"eu"},"x":{"amount":2.5}}"#;
        let event = decoder.decode(Some(bytes), None, None).unwrap();
        assert_eq!((&*event.model, &*event.version, &*event.segment[0]), ("fraud", "", "eu"));
        assert_eq!(event.columns.len(), 1);
    }

    #[test]
    fn pointers_that_can_not_both_hold_are_a_mistake_of_the_configuration() {
        let config = config("[input.fields]\nid = '/features'\n");
        assert!(config.decoder(None).is_err());
    }
}
