(struct_item name: (type_identifier) @name) @class
(union_item name: (type_identifier) @name) @class
(enum_item name: (type_identifier) @name) @enum
(trait_item name: (type_identifier) @name) @interface
(type_item name: (type_identifier) @name) @type
(impl_item type: [(type_identifier) @name (generic_type type: (type_identifier) @name)]) @scope
(mod_item name: (identifier) @name body: (_)) @scope
(function_item name: (identifier) @name) @function
(function_signature_item name: (identifier) @name) @function
(const_item name: (identifier) @name) @constant
(static_item name: (identifier) @name) @constant
(macro_definition name: (identifier) @name) @macro

;; references
(use_declaration argument: (_) @import)
(mod_item !body) @import
(call_expression function: [
  (identifier) @call
  (field_expression field: (field_identifier) @call)
  (scoped_identifier name: (identifier) @call)
])
(macro_invocation macro: (identifier) @call)
(impl_item trait: [(type_identifier) @base (generic_type type: (type_identifier) @base)])
[(line_comment) (block_comment)] @comment
[(string_literal) (raw_string_literal)] @string
