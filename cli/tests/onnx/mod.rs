//! Builds ONNX models from `x` to `y`.

#![allow(dead_code)]

use assay_cli::onnx::proto::*;
use prost::Message;

/// An attribute's value.
pub enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Text(&'static str),
    Texts(Vec<&'static str>),
}

pub struct Model(GraphProto);

impl Model {
    /// A model that takes f32 of this shape.
    pub fn of(shape: &[i64]) -> Self {
        let graph = GraphProto {
            input: vec![value("x", DataType::Float, Some(shape))],
            ..Default::default()
        };
        Self(graph)
    }

    pub fn node(self, op: &str, inputs: &[&str], output: &str) -> Self {
        self.node_with(op, inputs, output, &[])
    }

    pub fn node_with(
        mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, Attribute)],
    ) -> Self {
        self.0.node.push(NodeProto {
            input: inputs.iter().map(|name| name.to_string()).collect(),
            output: vec![output.into()],
            name: output.into(),
            op_type: op.into(),
            attribute: attributes.iter().map(attribute).collect(),
            ..Default::default()
        });
        self
    }

    /// A tensor in two parts, whose lengths another one has.
    pub fn node_split(self, x: &str, lengths: &str, outputs: [&str; 2], axis: i64) -> Self {
        let model = self.node_with(
            "Split",
            &[x, lengths],
            outputs[0],
            &[("axis", Attribute::Int(axis))],
        );
        model.node_second(outputs[1])
    }

    /// Makes the last node one of another domain.
    pub fn of_domain(mut self, domain: &str) -> Self {
        if let Some(node) = self.0.node.last_mut() {
            node.domain = domain.into();
        }
        self
    }

    /// The second output of the last node.
    pub fn node_second(mut self, output: &str) -> Self {
        if let Some(node) = self.0.node.last_mut() {
            node.output.push(output.into());
        }
        self
    }

    /// The greatest element of each last axis as `y`, so that the output is short.
    pub fn greatest(self, of: &str) -> Self {
        self.node_with("ReduceMax", &[of], "y", &[("axes", Attribute::Ints(vec![-1]))])
    }

    pub fn floats(self, name: &str, shape: &[i64], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, DataType::Float, shape, bytes)
    }

    pub fn integers(self, name: &str, values: &[i64]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, DataType::Int64, &[values.len() as i64], bytes)
    }

    pub fn tensor(mut self, name: &str, element: DataType, shape: &[i64], bytes: Vec<u8>) -> Self {
        self.0.initializer.push(TensorProto {
            dims: shape.to_vec(),
            data_type: element as i32,
            name: name.into(),
            raw_data: bytes.into(),
            ..Default::default()
        });
        self
    }

    /// The model's bytes; its output is `y`.
    pub fn bytes(self) -> Vec<u8> {
        self.bytes_of("y")
    }

    /// The model's bytes, with an output of another name.
    pub fn bytes_of(mut self, output: &str) -> Vec<u8> {
        self.0.output.push(value(output, DataType::Float, None));
        let opset = OperatorSetIdProto {
            domain: String::new(),
            version: 13,
        };
        let model = ModelProto {
            opset_import: vec![opset],
            graph: Some(self.0),
        };
        model.encode_to_vec()
    }
}

fn value(name: &str, element: DataType, shape: Option<&[i64]>) -> ValueInfoProto {
    let dimension = |len: &i64| DimensionProto {
        dim_value: *len,
        ..Default::default()
    };
    let tensor = TensorTypeProto {
        elem_type: element as i32,
        shape: shape.map(|shape| TensorShapeProto {
            dim: shape.iter().map(dimension).collect(),
        }),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(tensor),
        }),
    }
}

fn attribute((name, value): &(&str, Attribute)) -> AttributeProto {
    let mut attribute = AttributeProto {
        name: name.to_string(),
        ..Default::default()
    };
    match value {
        Attribute::Int(value) => attribute.i = *value,
        Attribute::Ints(values) => attribute.ints.clone_from(values),
        Attribute::Floats(values) => attribute.floats.clone_from(values),
        Attribute::Texts(texts) => {
            attribute.strings = texts.iter().map(|text| text.as_bytes().to_vec().into()).collect();
        }
        Attribute::Text(text) => attribute.s = text.as_bytes().to_vec().into(),
    }
    attribute
}
