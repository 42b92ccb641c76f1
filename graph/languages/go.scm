(function_declaration name: (identifier) @name) @function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: [
    (type_identifier) @receiver
    (pointer_type [(type_identifier) @receiver (generic_type type: (type_identifier) @receiver)])
    (generic_type type: (type_identifier) @receiver)
  ]))
  name: (field_identifier) @name) @method
(type_spec name: (type_identifier) @name) @type
(type_alias name: (type_identifier) @name) @type
(type_spec name: (type_identifier) @name type: (struct_type)) @class
(type_spec name: (type_identifier) @name type: (interface_type)) @interface
(source_file (const_declaration (const_spec name: (identifier) @name) @constant))
(source_file (var_declaration (var_spec name: (identifier) @name) @constant (#match? @name "^[A-Z]")))

;; references
(package_clause (package_identifier) @package)
(import_spec path: (interpreted_string_literal) @import)
(call_expression function: [(identifier) @call (selector_expression field: (field_identifier) @call)])
(struct_type (field_declaration_list (field_declaration !name type: [
  (type_identifier) @base
  (qualified_type name: (type_identifier) @base)
])))
(comment) @comment
[(interpreted_string_literal) (raw_string_literal)] @string
