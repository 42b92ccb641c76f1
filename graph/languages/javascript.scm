(class_declaration name: (identifier) @name) @class
(function_declaration name: (identifier) @name) @function
(generator_function_declaration name: (identifier) @name) @function
(method_definition name: [(property_identifier) (private_property_identifier)] @name) @method
(field_definition property: (property_identifier) @name value: [(arrow_function) (function_expression)]) @method
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression)]) @function
(variable_declarator name: (identifier) @name value: (class)) @class
(assignment_expression left: (identifier) @name right: (class)) @class
(assignment_expression
  left: (member_expression property: (property_identifier) @name)
  right: [(arrow_function) (function_expression)]) @function
(export_statement declaration: (lexical_declaration (variable_declarator
  name: (identifier) @name value: [(call_expression) (object) (string) (number) (new_expression)]) @constant))
(pair key: (property_identifier) @name value: (function_expression)) @method

;; references
(import_statement source: (string (string_fragment) @import))
(export_statement source: (string (string_fragment) @import))
(call_expression function: (identifier) @_require arguments: (arguments . (string (string_fragment) @import))
  (#match? @_require "^(require|import)$"))
(call_expression function: (import) arguments: (arguments . (string (string_fragment) @import)))
(call_expression function: [(identifier) @call (member_expression property: (property_identifier) @call)])
(new_expression constructor: (identifier) @call)
(class_heritage (identifier) @base)
(class_heritage (member_expression property: (property_identifier) @base))
(comment) @comment
[(string) (regex)] @string
